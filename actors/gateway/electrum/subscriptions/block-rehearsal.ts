/** When statuses are rehearsed, and of which scripts: those after the first block shall not be the first to be asked for over the bus. */
import { type ScriptKey, scripthashOf } from "./subscription-table.ts";

/** As many as are asked for together after a block. */
const SCRIPTS = 500;

export class BlockRehearsal {
  readonly #rehearse: (scripthashes: readonly string[]) => void;
  /** The first that were subscribed to, and the first of those with a history, which takes code of its own. Undefined: rehearsed. */
  #first: ScriptKey[] | undefined = [];
  #used: ScriptKey[] | undefined = [];

  constructor(rehearse: (scripthashes: readonly string[]) => void) {
    this.#rehearse = rehearse;
  }

  /** Each script once. */
  subscribed(key: ScriptKey, isUsed: boolean): void {
    this.#first = this.#with(this.#first, key);
    if (isUsed) this.#used = this.#with(this.#used, key);
  }

  #with(scripts: ScriptKey[] | undefined, key: ScriptKey): ScriptKey[] | undefined {
    if (scripts === undefined) return undefined;
    scripts.push(key);
    if (scripts.length < SCRIPTS) return scripts;
    this.#rehearse(scripts.map(scripthashOf));
    return undefined;
  }
}
