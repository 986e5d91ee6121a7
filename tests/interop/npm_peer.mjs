// What the tests against @hpke share: both implementations behind like calls, and random inputs.
import assert from 'node:assert/strict';
import {spawn, spawnSync} from 'node:child_process';
import {createCipheriv, createHash, randomBytes} from 'node:crypto';
import {mkdtempSync, rmSync, writeFileSync} from 'node:fs';
import {createRequire} from 'node:module';
import {tmpdir} from 'node:os';
import {join, resolve} from 'node:path';
import {createInterface} from 'node:readline';

// The packages lie in the build directory, not above this file.
const require = createRequire(resolve(process.env.MEGASEAL_NPM, 'package.json'));
const {CipherSuite} = require('@hpke/core');
const {DhkemX25519HkdfSha256, HkdfSha256} = require('@hpke/dhkem-x25519');
const {Chacha20Poly1305} = require('@hpke/chacha20poly1305');

export const suite =
    new CipherSuite({kem: new DhkemX25519HkdfSha256(), kdf: new HkdfSha256(), aead: new Chacha20Poly1305()});

export const hex = (bytes) => Buffer.from(bytes).toString('hex');
export const base64 = (bytes) => Buffer.from(bytes).toString('base64');
export const unhex = (text) => Buffer.from(text, 'hex');

const seed = process.env.MEGASEAL_TEST_SEED ?? randomBytes(6).toString('hex');
console.log(`MEGASEAL_TEST_SEED=${seed} repeats these inputs (ephemeral keys are drawn anew)`);
const stream = createCipheriv('aes-256-ctr', createHash('sha256').update(seed).digest(), Buffer.alloc(16));
export const random = (n) => new Uint8Array(stream.update(new Uint8Array(n)));
export const randomBelow = (n) => Buffer.from(random(4)).readUInt32LE() % n;
export function shuffled(list) {
  const out = [...list];
  for (let i = out.length - 1; i > 0; i--) {
    const j = randomBelow(i + 1);
    [out[i], out[j]] = [out[j], out[i]];
  }
  return out;
}

// A copy with one bit flipped.
export function flipped(bytes, at = randomBelow(bytes.length)) {
  const out = Buffer.from(bytes);
  out[at] ^= 1 << randomBelow(8);
  return out;
}

// A key pair that @hpke derived, PEM and hex for our side.
export async function makeKey() {
  const pair = await suite.kem.deriveKeyPair(random(32));
  const secret = Buffer.from(await suite.kem.serializePrivateKey(pair.privateKey));
  const publicKey = Buffer.from(await suite.kem.serializePublicKey(pair.publicKey));
  const der = Buffer.concat([unhex('302e020100300506032b656e04220420'), secret]);
  const pem = `-----BEGIN PRIVATE KEY-----\n${base64(der)}\n-----END PRIVATE KEY-----\n`;
  return {pair, secret: hex(secret), public: hex(publicKey), text: base64(publicKey), pem};
}

// info, and in PSK mode psk and psk_id, as either side wants them.
export function makeParams(mode, infoLen = randomBelow(100)) {
  const info = random(infoLen);
  const params = {theirs: {info}, ours: {info: hex(info)}};
  if (mode === 'psk') {
    const psk = {key: random(32 + randomBelow(40)), id: random(1 + randomBelow(40))};
    params.theirs.psk = psk;
    Object.assign(params.ours, {psk: hex(psk.key), psk_id: hex(psk.id)});
  }
  return params;
}

// Single-shot, sealed as megaseal lays it out: enc, ciphertext, tag.
export async function theySeal(key, params, text, aad) {
  const {enc, ct} = await suite.seal({recipientPublicKey: key.pair.publicKey, ...params.theirs}, text, aad);
  return Buffer.concat([Buffer.from(enc), Buffer.from(ct)]);
}
export async function theyOpen(key, params, sealed, aad) {
  const bytes = new Uint8Array(sealed);
  const to = {recipientKey: key.pair, enc: bytes.slice(0, 32), ...params.theirs};
  return Buffer.from(await suite.open(to, bytes.slice(32), aad));
}

// The driver: megaseal's API by lines of JSON. ask() throws what the driver answers as "error".
export class Driver {
  constructor(path) {
    this.child = spawn(path, [], {stdio: ['pipe', 'pipe', 'inherit']});
    this.child.stdin.on('error', () => {});  // a driver that died is noticed when its answer does not come
    this.lines = createInterface({input: this.child.stdout})[Symbol.asyncIterator]();
  }
  async ask(request) {
    this.child.stdin.write(JSON.stringify(request) + '\n');
    const {value, done} = await this.lines.next();
    assert(!done, 'the driver is gone');
    const answer = JSON.parse(value);
    if ('error' in answer) throw new Error(answer.error);
    return answer;
  }
  close() { this.child.stdin.end(); }
}

// The command, in a directory of its own.
export class Command {
  constructor(path) {
    this.path = path;
    this.directory = mkdtempSync(join(tmpdir(), 'megaseal-npm-'));
    process.on('exit', () => rmSync(this.directory, {recursive: true, force: true}));
  }
  file(name, content) {
    const path = join(this.directory, name);
    writeFileSync(path, content, {mode: 0o600});
    return path;
  }
  // What it writes, line by line as objects; anything but the exit code `want` is a failure.
  run(want, args, records) {
    const input = records.map((record) => JSON.stringify(record) + '\n').join('');
    const {status, stdout, stderr} =
        spawnSync(this.path, args, {input, encoding: 'utf8', maxBuffer: 1 << 28, cwd: this.directory});
    assert.equal(status, want, `megaseal ${args[0]}: ${stderr}`);
    return stdout.split('\n').filter(Boolean).map((line) => JSON.parse(line));
  }
}
