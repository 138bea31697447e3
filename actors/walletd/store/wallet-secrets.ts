/** What can spend: the seed's entropy, its passphrase, and keys that came from elsewhere. As bytes, which can be wiped. */

export interface ImportedKey {
  readonly mixdepth: number;
  /** Its place in the list of that mixdepth; a key that was removed leaves a gap. */
  readonly index: number;
  /** joinmarket-clientserver's number of the script's kind: 0 P2PKH, 1 P2SH-P2WPKH, 2 P2WPKH, and 5 P2WPKH in a wallet with bonds. */
  readonly scriptKind: number;
  readonly isCompressed: boolean;
  readonly privateKey: Uint8Array;
}

export interface WalletSecrets {
  readonly entropy: Uint8Array;
  /** Of BIP-39; its bytes as they were given. Empty: none. */
  readonly passphrase: Uint8Array;
  readonly importedKeys: readonly ImportedKey[];
}

const PRIVATE_KEY_BYTES = 32;
const IMPORTED_BYTES = 8 + PRIVATE_KEY_BYTES;

/** Lengths and fields in order; whatever follows is padding. */
export function encodeSecrets({ entropy, passphrase, importedKeys }: WalletSecrets): Buffer {
  const bytes = Buffer.alloc(8 + entropy.length + passphrase.length + importedKeys.length * IMPORTED_BYTES);
  bytes.writeUInt16BE(entropy.length, 0);
  bytes.writeUInt16BE(passphrase.length, 2);
  bytes.writeUInt32BE(importedKeys.length, 4);
  bytes.set(entropy, 8);
  bytes.set(passphrase, 8 + entropy.length);
  let at = 8 + entropy.length + passphrase.length;
  for (const key of importedKeys) {
    bytes.writeUInt8(key.mixdepth, at);
    bytes.writeUInt8(key.scriptKind, at + 1);
    bytes.writeUInt8(key.isCompressed ? 1 : 0, at + 2);
    bytes.writeUInt32BE(key.index, at + 4);
    bytes.set(key.privateKey, at + 8);
    at += IMPORTED_BYTES;
  }
  return bytes;
}

/** Views of the same bytes: wiping those wipes all of it. */
export function decodeSecrets(bytes: Buffer): WalletSecrets {
  const entropyBytes = bytes.readUInt16BE(0);
  const passphraseBytes = bytes.readUInt16BE(2);
  const keyCount = bytes.readUInt32BE(4);
  let at = 8 + entropyBytes;
  const entropy = bytes.subarray(8, at);
  const passphrase = bytes.subarray(at, at + passphraseBytes);
  at += passphraseBytes;
  const importedKeys: ImportedKey[] = [];
  for (let count = 0; count < keyCount; count++, at += IMPORTED_BYTES) {
    importedKeys.push({
      mixdepth: bytes.readUInt8(at),
      scriptKind: bytes.readUInt8(at + 1),
      isCompressed: bytes.readUInt8(at + 2) === 1,
      index: bytes.readUInt32BE(at + 4),
      privateKey: bytes.subarray(at + 8, at + IMPORTED_BYTES),
    });
  }
  return { entropy, passphrase, importedKeys };
}

export function wipeSecrets({ entropy, passphrase, importedKeys }: WalletSecrets): void {
  entropy.fill(0);
  passphrase.fill(0);
  for (const { privateKey } of importedKeys) privateKey.fill(0);
}
