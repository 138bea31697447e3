/** What every group of commands is made with. */
import type { Command } from "commander";
import type { Terminal } from "./terminal-io.ts";

export interface ProgramTools {
  readonly terminal: Terminal;
  exitWith(code: number): void;
  /** Adds the options by which a command finds its data directory. */
  withPlace(command: Command): Command;
  /** The same for a command about one wallet, with its password and its answer for programs. */
  withWallet(command: Command): Command;
  examples(...rows: readonly (readonly [command: string, meaning: string])[]): string;
}
