// Seals the corpus's inputs with @hpke of npm; README.md says when. Existing files are not touched.
// MEGASEAL_NPM=build/release/tests/interop/npm node tests/corpus/make_with_hpke.mjs
import {createPublicKey} from 'node:crypto';
import {readFileSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {fileURLToPath} from 'node:url';

import {base64, hex, suite, theySeal} from '../interop/npm_peer.mjs';

const files = fileURLToPath(new URL('files/', import.meta.url));
const {version} = JSON.parse(readFileSync(join(process.env.MEGASEAL_NPM, 'node_modules/@hpke/core/package.json')));
const read = (name) => readFileSync(join(files, name));
const lines = (name) => read(name).toString().split('\n').slice(0, -1);
// 'wx': fails when the file exists.
const write = (name, extension, content) =>
    writeFileSync(join(files, `${name}.hpke-js-${version}.${extension}`), content, {flag: 'wx'});

async function keyOf(name) {
  const publicKey = createPublicKey(read(`${name}.pem`)).export({type: 'spki', format: 'der'}).subarray(-32);
  return {pair: {publicKey: await suite.kem.deserializePublicKey(new Uint8Array(publicKey))}};
}
const keys = {alice: await keyOf('alice'), bob: await keyOf('bob')};

const info = Buffer.from('corpus/größe-1');
const psk = {key: new Uint8Array(read('psk.bin')), id: Buffer.from('corpus-psk')};
const base = {theirs: {}}, withInfo = {theirs: {info}}, withPsk = {theirs: {psk}};

const bytesOf = (text, inBase64) =>
    inBase64 === undefined ? Buffer.from(text ?? '') : Buffer.from(inBase64, 'base64');
async function sealRecords(input, kind, params) {
  let out = '';
  for (const line of lines(input + '.ndjson')) {
    const {msg, msg_b64, ...carried} = JSON.parse(line);
    const text = bytesOf(msg, msg_b64), aad = bytesOf(carried.aad, carried.aad_b64);
    const sealed = base64(await theySeal(keys[carried.to], params, text, aad));
    out += JSON.stringify({...carried, sealed}) + '\n';
  }
  write(`${input}.${kind}`, 'ndjson', out);
}
await sealRecords('plain', 'hpke', base);
await sealRecords('plain-aad', 'hpke-info', withInfo);
await sealRecords('plain-aad', 'hpke-psk', withPsk);
await sealRecords('long', 'hpke', base);

let out = '';
for (const line of lines('messages.lines'))
  out += base64(await theySeal(keys.alice, withInfo, Buffer.from(line))) + '\n';
write('messages.hpke-info', 'lines', out);

out = Buffer.alloc(0);
for (let rest = read('messages.len32'); rest.length > 0;) {
  const end = 4 + rest.readUInt32LE();
  const sealed = await theySeal(keys.bob, withPsk, rest.subarray(4, end));
  const len = Buffer.alloc(4);
  len.writeUInt32LE(sealed.length);
  out = Buffer.concat([out, len, sealed]);
  rest = rest.subarray(end);
}
write('messages.hpke-psk', 'len32', out);

// Single messages, as they are sent; then a context: enc, and its messages in order, in hex. With exports of each.
const exporterContexts = [Buffer.alloc(0), Buffer.from('corpus export'), Buffer.alloc(200, 7)];
async function exportsOf(context) {
  let text = '';
  for (const [i, exporterContext] of exporterContexts.entries())
    text += `${hex(exporterContext)} ${hex(await context.export(exporterContext, [32, 64, 255][i]))}\n`;
  return text;
}
async function sealOne(name, key, params, text, aad) {
  const sender = await suite.createSenderContext({recipientPublicKey: key.pair.publicKey, ...params.theirs});
  const sealed = Buffer.concat([Buffer.from(sender.enc), Buffer.from(await sender.seal(text, aad))]);
  write(name, 'bin', sealed);
  write(name, 'exports', await exportsOf(sender));
}
await sealOne('empty.hpke', keys.alice, base, Buffer.alloc(0), Buffer.alloc(0));
await sealOne('long.hpke-info-psk', keys.bob, {theirs: {info, psk}}, read('long.txt'), Buffer.from('corpus_aad'));

const sender = await suite.createSenderContext({recipientPublicKey: keys.alice.pair.publicKey, info});
out = hex(sender.enc) + '\n';
for (const line of lines('context-300.hex')) out += hex(await sender.seal(Buffer.from(line, 'hex'))) + '\n';
write('context-300.hpke-info', 'hex', out);
write('context-300.hpke-info', 'exports', await exportsOf(sender));
