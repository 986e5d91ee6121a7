// megaseal and @hpke of npm seal for and open each other: npm_test.mjs DRIVER MEGASEAL CASE. The
// library, through the driver; npm_command_test.mjs is for the command.
import assert from 'node:assert/strict';
import {createHmac} from 'node:crypto';

import {Driver, flipped, hex, makeKey, makeParams, random, randomBelow, shuffled, suite, theyOpen, theySeal,
        unhex} from './npm_peer.mjs';

const [driverPath, , caseName] = process.argv.slice(2);
const driver = new Driver(driverPath);
const key = await makeKey();

const lengths = [0, 1, 15, 16, 17, 31, 32, 33, 63, 64, 65, 127, 128, 129, 255, 256, 257, 1000, 4096, 50000];
// Hashed in one block, in several, and not at all.
const infoLengths = [0, 1, 64, 300];
const authFailed = (await driver.ask({op: 'open', secret: key.secret, sealed: [hex(random(64))]})).statuses[0];

async function ourSeal(params, texts, aad) {
  const request = {op: 'seal', public: key.public, messages: texts.map(hex), ...params.ours};
  return (await driver.ask(aad ? {...request, aad: aad.map(hex)} : request)).sealed.map(unhex);
}
async function ourOpen(params, sealed, aad) {
  const request = {op: 'open', secret: key.secret, sealed: sealed.map(hex), ...params.ours};
  return driver.ask(aad ? {...request, aad: aad.map(hex)} : request);
}

// --- single-shot ---------------------------------------------------------------------------------------------

async function weSealTheyOpen(mode) {
  for (const infoLen of infoLengths) {
    const params = makeParams(mode, infoLen);
    const texts = lengths.map(random);
    for (const aad of [undefined, texts.map(() => random(randomBelow(80)))]) {
      const sealed = await ourSeal(params, texts, aad);
      for (const [i, text] of texts.entries()) {
        assert.equal(sealed[i].length, text.length + 48);
        assert.equal(hex(await theyOpen(key, params, sealed[i], aad?.[i])), hex(text));
      }
    }
  }
}
async function theySealWeOpen(mode) {
  for (const infoLen of infoLengths) {
    const params = makeParams(mode, infoLen);
    const texts = lengths.map(random);
    for (const aad of [undefined, texts.map(() => random(randomBelow(80)))]) {
      const sealed = [];
      for (const [i, text] of texts.entries()) sealed.push(await theySeal(key, params, text, aad?.[i]));
      assert.deepEqual((await ourOpen(params, sealed, aad)).opened, texts.map(hex));
    }
  }
}
async function test_base_we_seal_they_open() { await weSealTheyOpen('base'); }
async function test_base_they_seal_we_open() { await theySealWeOpen('base'); }
async function test_psk_we_seal_they_open() { await weSealTheyOpen('psk'); }
async function test_psk_they_seal_we_open() { await theySealWeOpen('psk'); }

// Both sides refuse whatever is not exactly what was sealed, in whichever direction.
async function test_altered_is_refused() {
  for (const mode of ['base', 'psk']) {
    const params = makeParams(mode, 20);
    const text = random(100), aad = random(20);
    const refused = async (otherParams, sealed, otherAad, what) => {
      await assert.rejects(theyOpen(key, otherParams, sealed, otherAad), {name: 'OpenError'}, `@hpke opens ${what}`);
      const {opened, statuses} = await ourOpen(otherParams, [sealed], [otherAad]);
      assert.deepEqual(opened, [null], `megaseal opens ${what}`);
      return statuses[0];
    };
    for (const sealed of [(await ourSeal(params, [text], [aad]))[0], await theySeal(key, params, text, aad)]) {
      assert.equal(hex(await theyOpen(key, params, sealed, aad)), hex(text), 'unaltered it opens');
      for (const at of [0, 31, 32, 80, sealed.length - 16, sealed.length - 1]) {
        // The top bit of enc is masked by X25519, but the key schedule binds enc as it was sent.
        assert.equal(await refused(params, flipped(sealed, at), aad, `with byte ${at} altered`), authFailed);
      }
      assert.equal(await refused(params, sealed.subarray(0, -1), aad, 'a shortened one'), authFailed);
      await refused(params, sealed.subarray(0, 47), aad, 'less than a tag');
      const longer = Buffer.concat([sealed, Buffer.alloc(1)]);
      assert.equal(await refused(params, longer, aad, 'a longer one'), authFailed);
      assert.equal(await refused(params, sealed, flipped(aad), 'under another aad'), authFailed);
      assert.equal(await refused(params, sealed, new Uint8Array(0), 'without aad'), authFailed);
      const changed = (theirs, ours) => ({theirs: {...params.theirs, ...theirs}, ours: {...params.ours, ...ours}});
      const info = flipped(params.theirs.info);
      const otherInfo = changed({info}, {info: hex(info)});
      assert.equal(await refused(otherInfo, sealed, aad, 'under another info'), authFailed);
      if (mode === 'psk') {
        const {key: psk, id} = params.theirs.psk;
        const otherPsk = flipped(psk), otherId = flipped(id);
        await refused(changed({psk: {key: otherPsk, id}}, {psk: hex(otherPsk)}), sealed, aad, 'under another psk');
        await refused(changed({psk: {key: psk, id: otherId}}, {psk_id: hex(otherId)}), sealed, aad,
                      'under another psk_id');
        const {info: same} = params.theirs;
        await refused({theirs: {info: same}, ours: {info: hex(same)}}, sealed, aad, 'without the psk');
      } else {
        const more = makeParams('psk', 0);
        await refused(changed({psk: more.theirs.psk}, {psk: more.ours.psk, psk_id: more.ours.psk_id}), sealed, aad,
                      'with a psk');
      }
    }
  }
}

async function test_low_order_keys_are_refused() {
  const zeros = new Uint8Array(32), one = new Uint8Array(32);
  one[0] = 1;
  for (const point of [zeros, one]) {
    await assert.rejects(driver.ask({op: 'seal', public: hex(point), messages: ['00']}));
    await assert.rejects(
        async () => suite.seal({recipientPublicKey: await suite.kem.deserializePublicKey(point)}, random(1)));
    const sealed = Buffer.concat([point, random(17)]);
    await assert.rejects(theyOpen(key, makeParams('base'), sealed));
    const {statuses} = await ourOpen(makeParams('base'), [sealed]);
    assert.notEqual(statuses[0], authFailed);
    assert.match(statuses[0], /low order|zero/);
  }
}

// --- exports --------------------------------------------------------------------------------------------------

// RFC 9180 §5.3 with nothing but node's HMAC. @hpke 1.9.0 writes the length into one byte of LabeledExpand's two
// (I2OSP(L, 2), §4), so that its exports of more than 255 bytes are its own; its exporter secret is right.
function labeledExpand(secret, context, len) {
  const suiteId = Buffer.from('HPKE\0\x20\0\x01\0\x03', 'latin1');
  const info = Buffer.concat([Buffer.from([len >> 8, len & 255]), Buffer.from('HPKE-v1'), suiteId,
                              Buffer.from('sec'), context]);
  let block = Buffer.alloc(0), out = Buffer.alloc(0);
  for (let i = 1; out.length < len; i++) {
    block = createHmac('sha256', Buffer.from(secret))
                .update(Buffer.concat([block, info, Buffer.from([i])])).digest();
    out = Buffer.concat([out, block]);
  }
  return out.subarray(0, len);
}
async function theyExport(context, exporterContext, len) {
  const ours = hex(labeledExpand(context.exporterSecret, exporterContext, len));
  if (len <= 255) assert.equal(hex(await context.export(exporterContext, len)), ours, 'the test itself is wrong');
  return ours;
}
const exportLengths = [1, 16, 31, 32, 33, 64, 100, 255, 256, 1000, 8160];

async function test_single_shot_exports() {
  for (const mode of ['base', 'psk']) {
    for (const len of exportLengths) {
      const params = makeParams(mode);
      const exporterContext = random(randomBelow(100));
      const exporting = {exporter_context: hex(exporterContext), export_len: len, ...params.ours};
      const texts = [0, 40, 200].map(random);
      const {sealed, exports} =
          await driver.ask({op: 'seal', public: key.public, messages: texts.map(hex), ...exporting});
      for (const [i, text] of texts.entries()) {
        const bytes = new Uint8Array(unhex(sealed[i]));
        const receiver = await suite.createRecipientContext(
            {recipientKey: key.pair, enc: bytes.slice(0, 32), ...params.theirs});
        assert.equal(hex(await receiver.open(bytes.slice(32))), hex(text));
        assert.equal(exports[i], await theyExport(receiver, exporterContext, len));
      }
      const sender = await suite.createSenderContext({recipientPublicKey: key.pair.publicKey, ...params.theirs});
      const theirs = hex(sender.enc) + hex(await sender.seal(texts[1]));
      const back = await driver.ask({op: 'open', secret: key.secret, sealed: [theirs], ...exporting});
      assert.deepEqual(back.opened, [hex(texts[1])]);
      assert.deepEqual(back.exports, [await theyExport(sender, exporterContext, len)]);
    }
  }
}

// --- contexts -------------------------------------------------------------------------------------------------

async function theySend(params) {
  const sender = await suite.createSenderContext({recipientPublicKey: key.pair.publicKey, ...params.theirs});
  const receiver = {op: 'receiver', secret: key.secret, enc: hex(sender.enc), ...params.ours};
  return [sender, (await driver.ask(receiver)).context];
}
async function weSend(params) {
  const {context, enc} = await driver.ask({op: 'sender', public: key.public, ...params.ours});
  const receiver = await suite.createRecipientContext(
      {recipientKey: key.pair, enc: new Uint8Array(unhex(enc)), ...params.theirs});
  return [context, receiver];
}

async function test_context_exports() {
  for (const mode of ['base', 'psk']) {
    const params = makeParams(mode);
    const [sender, ourReceiver] = await theySend(params);
    const [ourSender, receiver] = await weSend(params);
    const contexts = [0, 1, 32, 64, 500].map(random);
    for (const len of exportLengths) {
      for (const [ours, theirs] of [[ourReceiver, sender], [ourSender, receiver]]) {
        const {exports} = await driver.ask(
            {op: 'context_export', context: ours, exporter_contexts: contexts.map(hex), export_len: len});
        for (const [i, c] of contexts.entries()) assert.equal(exports[i], await theyExport(theirs, c, len));
      }
    }
  }
}

// 300 messages: the sequence number fills one byte and goes on into the next.
async function test_context_we_seal_they_open() {
  for (const mode of ['base', 'psk']) {
    const [context, receiver] = await weSend(makeParams(mode));
    let number = 0;
    for (const count of [1, 5, 130, 1, 163]) {
      const texts = Array.from({length: count}, () => random(randomBelow(300)));
      const aad = texts.map(() => random(randomBelow(40)));
      const {first, sealed} =
          await driver.ask({op: 'context_seal', context, messages: texts.map(hex), aad: aad.map(hex)});
      assert.equal(first, number);
      for (const [i, text] of texts.entries())
        assert.equal(hex(await receiver.open(unhex(sealed[i]), aad[i])), hex(text));
      number += count;
    }
    assert.equal(number, 300);
  }
}
async function test_context_they_seal_we_open_in_any_order() {
  for (const mode of ['base', 'psk']) {
    const [sender, context] = await theySend(makeParams(mode));
    const texts = [], aad = [], sealed = [];
    for (let i = 0; i < 300; i++) {
      texts.push(random(i % 7 === 0 ? 0 : randomBelow(300)));
      aad.push(random(randomBelow(40)));
      sealed.push(hex(await sender.seal(texts[i], aad[i])));
    }
    const order = shuffled(texts.keys());
    const pick = (list) => order.map((i) => list[i]);
    const {opened} = await driver.ask(
        {op: 'context_open', context, sequences: order, sealed: pick(sealed), aad: pick(aad).map(hex)});
    assert.deepEqual(opened, pick(texts).map(hex));
  }
}
// Numbers that no test reaches by counting: @hpke's counter is set, up to where it ends (2^53).
async function test_context_large_numbers() {
  const [sender, context] = await theySend(makeParams('base'));
  const sequences = [65535, 65536, 2 ** 24, 2 ** 32 - 1, 2 ** 32, 2 ** 32 + 1, 2 ** 40 + 77, 2 ** 53 - 1];
  const texts = sequences.map(() => random(50)), sealed = [];
  for (const [i, sequence] of sequences.entries()) {
    sender._ctx.seq = sequence;
    sealed.push(hex(await sender.seal(texts[i])));
  }
  const {opened} = await driver.ask({op: 'context_open', context, sequences, sealed});
  assert.deepEqual(opened, texts.map(hex));
}
async function test_context_wrong_number_is_refused() {
  const [sender, context] = await theySend(makeParams('base'));
  const sealed = [];
  for (let i = 0; i < 300; i++) sealed.push(hex(await sender.seal(random(20), random(5))));
  const texts = Array.from({length: 3}, () => random(20));
  const theirs = [];
  for (const text of texts) theirs.push(hex(await sender.seal(text)));
  const {opened, statuses} = await driver.ask({
    op: 'context_open', context, sealed: [theirs[0], theirs[0], theirs[1], theirs[2], theirs[0], sealed[7]],
    sequences: [300, 301, 301, 300, 44, 7]
  });
  assert.deepEqual(opened, [hex(texts[0]), null, hex(texts[1]), null, null, null], 'the last one lacks its aad');
  assert.equal(statuses.filter((status) => status === authFailed).length, 4);

  const [ourSender, receiver] = await weSend(makeParams('base'));
  const ours = await driver.ask({op: 'context_seal', context: ourSender, messages: texts.map(hex)});
  await assert.rejects(receiver.open(unhex(ours.sealed[1])), {name: 'OpenError'}, 'number 1 opens as number 0');
  await assert.rejects(receiver.open(flipped(unhex(ours.sealed[0]))), {name: 'OpenError'}, 'an altered one opens');
  for (const [i, text] of texts.entries())
    assert.equal(hex(await receiver.open(unhex(ours.sealed[i]))), hex(text));
}

const cases = {
  test_base_we_seal_they_open, test_base_they_seal_we_open, test_psk_we_seal_they_open, test_psk_they_seal_we_open,
  test_altered_is_refused, test_low_order_keys_are_refused, test_single_shot_exports, test_context_exports,
  test_context_we_seal_they_open, test_context_they_seal_we_open_in_any_order, test_context_large_numbers,
  test_context_wrong_number_is_refused,
};
assert(`test_${caseName}` in cases, `no such case: ${caseName}`);
await cases[`test_${caseName}`]();
driver.close();
