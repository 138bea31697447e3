/** A disk in memory that can fail or lose its power at any step, and then shows what a journalled file system would show. */
import type { Disk, DiskFile } from "../../../actors/walletd/store/disk.ts";

interface Inode {
  bytes: Buffer;
}

type Names = Map<string, Inode>;
type NameStep = (names: Names) => void;

const SECTOR_BYTES = 512;

/** At which step something happens: the power goes, or the system refuses with this code after having written some. */
export interface Fault {
  readonly atStep: number;
  readonly how: "power" | string;
  /** Deterministic answers to "did this sector get there", "how many names got there". */
  readonly chance: () => number;
}

export class PowerLoss extends Error {}

export class MemoryDisk implements Disk {
  #names: Names;
  /** As the disk itself has them; a synchronous write brings all earlier steps with it. */
  #kept: Names;
  #unkept: NameStep[] = [];
  #fault: Fault | undefined;
  #isDead = false;
  steps = 0;
  writes = 0;

  constructor(names: Names = new Map()) {
    this.#names = names;
    this.#kept = new Map(names);
  }

  /** Replaces the fault that is to come; steps are counted from now. */
  plan(fault: Fault | undefined): void {
    this.#fault = fault;
    this.steps = 0;
  }

  /** What is found after the power came back: the names are those after some of the last steps, in their order. */
  afterPowerLoss(chance: () => number): MemoryDisk {
    this.#isDead = true;
    const names = new Map(this.#kept);
    const survived = Math.floor(chance() * (this.#unkept.length + 1));
    for (const step of this.#unkept.slice(0, survived)) step(names);
    return new MemoryDisk(
      new Map([...names].map(([name, { bytes }]) => [name, { bytes: Buffer.from(bytes) }])),
    );
  }

  bytesOf(path: string): Buffer {
    const inode = this.#names.get(path);
    if (inode === undefined) throw new Error(`there is no ${path}`);
    return inode.bytes;
  }

  put(path: string, bytes: Buffer): void {
    const inode = { bytes: Buffer.from(bytes) };
    this.#names.set(path, inode);
    this.#kept.set(path, inode);
  }

  names(): string[] {
    return [...this.#names.keys()].sort();
  }

  async read(path: string, enoughBytes?: number): Promise<Buffer | undefined> {
    await this.#step();
    const inode = this.#names.get(path);
    return inode === undefined ? undefined : Buffer.from(inode.bytes.subarray(0, enoughBytes));
  }

  async create(path: string): Promise<DiskFile> {
    await this.#step();
    if (this.#names.has(path)) throw systemError("EEXIST");
    const inode = { bytes: Buffer.alloc(0) };
    this.#rename((names) => names.set(path, inode));
    return this.#file(inode);
  }

  async open(path: string): Promise<DiskFile> {
    await this.#step();
    const inode = this.#names.get(path);
    if (inode === undefined) throw systemError("ENOENT");
    return this.#file(inode);
  }

  async rename(from: string, to: string): Promise<void> {
    await this.#step();
    const inode = this.#names.get(from);
    if (inode === undefined) throw systemError("ENOENT");
    this.#rename((names) => {
      names.delete(from);
      names.set(to, inode);
    });
  }

  async link(from: string, to: string): Promise<void> {
    await this.#step();
    const inode = this.#names.get(from);
    if (inode === undefined) throw systemError("ENOENT");
    if (this.#names.has(to)) throw systemError("EEXIST");
    this.#rename((names) => names.set(to, inode));
  }

  async remove(path: string): Promise<void> {
    await this.#step();
    this.#rename((names) => names.delete(path));
  }

  #rename(step: NameStep): void {
    step(this.#names);
    this.#unkept.push(step);
  }

  #file(inode: Inode): DiskFile {
    return {
      write: async (bytes, position) => {
        this.writes++;
        await this.#step((fault) => tear(inode, bytes, position, fault));
        inode.bytes = overlaid(inode.bytes, bytes, position);
        for (const step of this.#unkept.splice(0)) step(this.#kept);
      },
      truncate: async (lengthBytes) => {
        await this.#step();
        inode.bytes = inode.bytes.subarray(0, lengthBytes);
      },
      close: async () => undefined,
    };
  }

  async #step(tear?: (fault: Fault) => void): Promise<void> {
    // As a real disk answers: later.
    await Promise.resolve();
    if (this.#isDead) throw new PowerLoss();
    const fault = this.#fault;
    if (fault === undefined || this.steps++ !== fault.atStep) return;
    tear?.(fault);
    if (fault.how !== "power") throw systemError(fault.how);
    this.#isDead = true;
    throw new PowerLoss();
  }
}

/** Some of a write: sector by sector when the power went, the first bytes when the system took only those. */
function tear(inode: Inode, bytes: Uint8Array, position: number, fault: Fault): void {
  if (fault.how !== "power") {
    const taken = Math.floor(fault.chance() * bytes.length);
    inode.bytes = overlaid(inode.bytes, bytes.subarray(0, taken), position);
    return;
  }
  const end = position + bytes.length;
  const grown = Buffer.alloc(
    Math.max(inode.bytes.length, Math.floor(position + fault.chance() * (bytes.length + 1))),
  );
  inode.bytes.copy(grown);
  for (let at = position; at < end; ) {
    const next = Math.min(end, (Math.floor(at / SECTOR_BYTES) + 1) * SECTOR_BYTES);
    if (fault.chance() < 0.5) Buffer.from(bytes.subarray(at - position, next - position)).copy(grown, at);
    at = next;
  }
  inode.bytes = grown;
}

function overlaid(old: Buffer, bytes: Uint8Array, position: number): Buffer {
  const result = Buffer.alloc(Math.max(old.length, position + bytes.length));
  old.copy(result);
  result.set(bytes, position);
  return result;
}

function systemError(code: string): NodeJS.ErrnoException {
  return Object.assign(new Error(code), { code });
}
