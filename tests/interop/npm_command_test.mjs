// The megaseal command and @hpke of npm seal for and open each other: npm_command_test.mjs DRIVER MEGASEAL CASE.
import assert from 'node:assert/strict';

import {base64, Command, Driver, flipped, hex, makeKey, random, theyOpen, theySeal, unhex} from './npm_peer.mjs';

const [driverPath, megasealPath, caseName] = process.argv.slice(2);
const driver = new Driver(driverPath);
const key = await makeKey();

const commandTexts = [
  '', 'meet at noon', 'Grüße, 世界, 👋 \u0000 "quoted" \\ \n', 'x'.repeat(40000), random(1), random(700),
  random(50000)
].map((text) => Buffer.from(text));
const isText = (bytes) => Buffer.from(bytes.toString('utf8')).equals(bytes);
const asRecord = (text, i) => ({
  id: i,
  ...[{}, {aad: 'Zusätzliches'}, {aad_b64: base64(random(33))}][i % 3],
  ...(isText(text) ? {msg: text.toString('utf8')} : {msg_b64: base64(text)}),
});
const aadOf = (record) => Buffer.from(record.aad_b64 ?? record.aad ?? '', record.aad_b64 ? 'base64' : 'utf8');

// The command's arguments, and what @hpke is given for them.
function commandModes(command) {
  const psk = random(48), info = 'megaseal interop, größe 1', id = 'a name, ü';
  const file = command.file('psk', psk);
  return [
    {args: [], theirs: {}},
    {args: ['--info', info], theirs: {info: Buffer.from(info)}},
    {args: ['--psk-file', file, '--psk-id', id], theirs: {psk: {key: psk, id: Buffer.from(id)}}},
    {args: ['--info', info, '--psk-file', file, '--psk-id', id],
     theirs: {info: Buffer.from(info), psk: {key: psk, id: Buffer.from(id)}}},
  ];
}

async function test_command_we_seal_they_open() {
  const command = new Command(megasealPath);
  const others = [key, await makeKey()];
  for (const mode of commandModes(command)) {
    const records = commandTexts.map((text, i) => ({to: others[i % 2].text, ...asRecord(text, i)}));
    const sealed = command.run(0, ['seal', ...mode.args], records);
    assert.equal(sealed.length, records.length);
    for (const [i, record] of sealed.entries()) {
      const opened = await theyOpen(others[i % 2], mode, Buffer.from(record.sealed, 'base64'), aadOf(record));
      assert.equal(record.id, i);
      assert.equal(hex(opened), hex(commandTexts[i]));
    }
  }
}
async function sealedByThem(mode, recipients) {
  const records = [];
  for (const [i, text] of commandTexts.entries()) {
    const {msg, msg_b64, ...carried} = asRecord(text, i);
    const sealed = await theySeal(recipients[i % recipients.length], mode, text, aadOf(carried));
    records.push({...carried, sealed: base64(sealed)});
  }
  return records;
}
async function test_command_they_seal_we_open() {
  const command = new Command(megasealPath);
  const others = [key, await makeKey()];
  const files = others.map((other, i) => command.file(`${i}.pem`, other.pem));
  for (const mode of commandModes(command)) {
    const records = await sealedByThem(mode, others);
    const opened = command.run(0, ['open', '-i', files[0], '-i', files[1], ...mode.args], records);
    for (const [i, text] of commandTexts.entries()) {
      const {sealed, ...carried} = records[i];
      const expected = isText(text) ? {msg: text.toString('utf8')} : {msg_b64: base64(text)};
      assert.deepEqual(opened[i], {...carried, ...expected});
    }
  }
}
async function test_command_refuses_what_they_altered() {
  const command = new Command(megasealPath);
  const file = command.file('key.pem', key.pem), foreign = command.file('other.pem', (await makeKey()).pem);
  const [, mode] = commandModes(command);
  const records = await sealedByThem(mode, [key]);
  const altered = records.map(
      (record, i) => i === 1 ? {...record, aad: 'Anderes'}
                             : {...record, sealed: base64(flipped(Buffer.from(record.sealed, 'base64')))});
  assert.deepEqual(command.run(4, ['open', '-i', file, ...mode.args], altered), []);
  assert.deepEqual(command.run(4, ['open', '-i', file], records), [], 'without --info');
  assert.deepEqual(command.run(4, ['open', '-i', foreign, ...mode.args], records), [], 'with another key');
  assert.equal(command.run(0, ['open', '-i', file, ...mode.args], records).length, records.length);
  // The command wants its own records altered in no other way: @hpke's refusal of those.
  const [record] = command.run(0, ['seal', '-r', key.text, ...mode.args], [{msg: 'x', aad: 'a'}]);
  const sealed = Buffer.from(record.sealed, 'base64');
  assert.equal(String(await theyOpen(key, mode, sealed, Buffer.from('a'))), 'x');
  await assert.rejects(theyOpen(key, mode, sealed, Buffer.from('b')));
  await assert.rejects(theyOpen(key, mode, flipped(sealed), Buffer.from('a')));
}
// @hpke's keys in our files, and our idea of their public keys.
async function test_command_reads_their_keys() {
  const command = new Command(megasealPath);
  const keys = [];
  for (let i = 0; i < 50; i++) keys.push(await makeKey());
  const file = command.file('keys.pem', keys.map((k) => k.pem).join(''));
  const {sealed} = await driver.ask({op: 'seal', public: keys[0].public, messages: ['00']});
  assert.equal(hex(await theyOpen(keys[0], {theirs: {}}, unhex(sealed[0]))), '00');
  for (const k of keys)
    assert.equal((await driver.ask({op: 'public_key', secret: k.secret})).public, k.public);
  const records = keys.map((k) => ({to: k.text, msg: 'm'}));
  assert.deepEqual(command.run(0, ['open', '-i', file], command.run(0, ['seal'], records)), records);
}

const cases = {
  test_command_we_seal_they_open, test_command_they_seal_we_open, test_command_refuses_what_they_altered,
  test_command_reads_their_keys,
};
assert(`test_${caseName}` in cases, `no such case: ${caseName}`);
await cases[`test_${caseName}`]();
driver.close();
