/** Who may log in to the bus and how: nkeys made at boot for a broker of our own, or files for an external one. */
import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { Nkey } from "../../bus/carrier/nkey.ts";
import type { BusUser } from "../../bus/carrier/transport.ts";
import { permissionsOf, usersOf } from "../../bus/contract/permissions.ts";
import { allContracts } from "../../bus/contracts/all.ts";
import { TroupeError } from "../../runtime/errors.ts";
import { readSecretFile } from "../../runtime/secret.ts";
import { createWhole } from "../../runtime/whole-file.ts";

/** What a user proves itself with: the seed of an nkey, or a credentials file's text. */
export interface Proof {
  readonly seed?: string;
  readonly credentials?: string;
}

export interface Keyring {
  /** For the broker: names, public keys, rights. */
  readonly users: readonly BusUser[];
  /** Throws `SUPERVISOR_BAD_PLAN` for a user whose secret we do not have. */
  proofOf(user: string): Proof;
}

/** Fresh pairs for everybody that the contracts speak of. They live in memory only and die with us. */
export function createKeyring(): Keyring {
  const pairs = new Map(usersOf(allContracts).map((user) => [user, Nkey.create()]));
  return {
    users: busUsers(pairs),
    proofOf: (user) => ({ seed: pairOf(pairs, user).revealSeed() }),
  };
}

/** The secrets in a directory, of the users who are needed here; each file is read once, and must be its owner's alone. */
export function readProofs(directory: string, users: readonly string[]): ReadonlyMap<string, Proof> {
  return new Map(users.map((user) => [user, readProof(directory, user)]));
}

export function hasProof(directory: string, user: string): boolean {
  return ["nk", "creds"].some((kind) => existsSync(join(directory, `${user}.${kind}`)));
}

function readProof(directory: string, user: string): Proof {
  const seedFile = join(directory, `${user}.nk`);
  const credentialsFile = join(directory, `${user}.creds`);
  if (!existsSync(seedFile) && existsSync(credentialsFile)) {
    return { credentials: readSecretFile(credentialsFile).reveal() };
  }
  const seed = readSecretFile(seedFile).reveal().trim();
  try {
    Nkey.fromSeed(seed);
  } catch (error) {
    throw new TroupeError(
      { code: "SUPERVISOR_BAD_PLAN", path: seedFile },
      `The file ${seedFile} does not hold an nkey seed: ${(error as Error).message}`,
    );
  }
  return { seed };
}

/**
 * The users of an external server, by the seeds in a directory. With `create`, missing seeds are made, mode 0600;
 * those that are there stay, so that what runs can go on.
 */
export function usersFromDirectory(directory: string, create: boolean): readonly BusUser[] {
  if (create) mkdirSync(directory, { recursive: true, mode: 0o700 });
  const pairs = new Map<string, Nkey>();
  for (const user of usersOf(allContracts)) {
    const path = join(directory, `${user}.nk`);
    if (create && !existsSync(path)) createWhole(path, `${Nkey.create().revealSeed()}\n`);
    pairs.set(user, Nkey.fromSeed(readSecretFile(path).reveal()));
  }
  return busUsers(pairs);
}

function busUsers(pairs: ReadonlyMap<string, Nkey>): BusUser[] {
  return [...pairs].map(([name, pair]) => ({
    name,
    publicKey: pair.publicKey,
    permissions: permissionsOf(name, allContracts),
  }));
}

function pairOf(pairs: ReadonlyMap<string, Nkey>, user: string): Nkey {
  const pair = pairs.get(user);
  if (pair !== undefined) return pair;
  throw new TroupeError(
    { code: "SUPERVISOR_BAD_PLAN", user },
    `No contract speaks of "${user}", so the bus has no such user.`,
  );
}
