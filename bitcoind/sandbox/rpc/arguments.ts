/** The arguments of a sandbox RPC call, by position or by name, checked as Bitcoin Core checks them. */
import { hexToBytes } from "../../../bitcoin/bytes.ts";
import { RPC_CODE, RpcRefusal } from "../refusal.ts";

export class Arguments {
  readonly #values: readonly unknown[];
  readonly #names: readonly string[];

  /** `names` are the method's parameters in order. */
  constructor(params: unknown, names: readonly string[]) {
    this.#names = names;
    if (params === undefined || params === null) this.#values = [];
    else if (Array.isArray(params)) this.#values = params;
    else if (typeof params === "object") this.#values = byName(params as Record<string, unknown>, names);
    else throw new RpcRefusal(RPC_CODE.invalidRequest, "Params must be an array or object");
    if (this.#values.length > names.length) {
      throw new RpcRefusal(RPC_CODE.misc, `too many parameters; there are: ${names.join(" ") || "none"}`);
    }
  }

  /** A 32-byte hash in display order, lower case. */
  hash(index: number): string {
    const value = this.text(index);
    const name = this.#names[index];
    if (value.length !== 64) {
      throw new RpcRefusal(
        RPC_CODE.invalidParameter,
        `${name} must be of length 64 (not ${value.length}, for '${value.slice(0, 64)}')`,
      );
    }
    if (!/^[0-9a-fA-F]+$/.test(value)) {
      throw new RpcRefusal(RPC_CODE.invalidParameter, `${name} must be hexadecimal string (not '${value}')`);
    }
    return value.toLowerCase();
  }

  optionalHash(index: number): string | undefined {
    return this.#isAbsent(index) ? undefined : this.hash(index);
  }

  text(index: number): string {
    return this.#typed(index, "string") as string;
  }

  whole(index: number, byDefault?: number): number {
    if (byDefault !== undefined && this.#isAbsent(index)) return byDefault;
    const value = this.#typed(index, "number") as number;
    if (!Number.isSafeInteger(value)) {
      throw new RpcRefusal(RPC_CODE.misc, "JSON integer out of range");
    }
    return value;
  }

  /** A number of coins; Bitcoin Core takes text too. */
  amount(index: number, byDefault: number): number {
    if (this.#isAbsent(index)) return byDefault;
    const value = Number(this.#values[index]);
    if (!Number.isFinite(value) || value < 0) throw new RpcRefusal(RPC_CODE.type, "Invalid amount");
    return value;
  }

  flag(index: number, byDefault: boolean): boolean {
    return this.#isAbsent(index) ? byDefault : (this.#typed(index, "boolean") as boolean);
  }

  /** A verbosity: a number, or the older true and false. */
  verbosity(index: number, byDefault: number): number {
    if (typeof this.#values[index] === "boolean") return this.#values[index] ? 1 : 0;
    return this.whole(index, byDefault);
  }

  texts(index: number): string[] {
    const value = this.#values[index];
    if (!Array.isArray(value) || value.some((item) => typeof item !== "string"))
      throw this.#wrongType(index, "array of strings");
    return value as string[];
  }

  #isAbsent(index: number): boolean {
    return this.#values[index] === undefined || this.#values[index] === null;
  }

  #typed(index: number, type: "string" | "number" | "boolean"): unknown {
    if (this.#isAbsent(index))
      throw new RpcRefusal(RPC_CODE.misc, `missing parameter: ${this.#names[index]}`);
    const value = this.#values[index];
    if (typeof value !== type) throw this.#wrongType(index, type);
    return value;
  }

  #wrongType(index: number, wanted: string): RpcRefusal {
    const given = this.#values[index];
    const type = given === null ? "null" : Array.isArray(given) ? "array" : typeof given;
    return new RpcRefusal(
      RPC_CODE.type,
      `Wrong type passed: Position ${index + 1} (${this.#names[index]}): JSON value of type ${type} is not of expected type ${wanted}`,
    );
  }
}

function byName(params: Record<string, unknown>, names: readonly string[]): unknown[] {
  for (const name of Object.keys(params)) {
    if (!names.includes(name))
      throw new RpcRefusal(RPC_CODE.invalidParameter, `Unknown named parameter ${name}`);
  }
  return names.map((name) => params[name]);
}

/** Parses hex and then the thing itself; either failure is Bitcoin Core's "decode failed". */
export function decodeOrRefuse<T>(hex: string, parse: (bytes: Uint8Array) => T, complaint: string): T {
  try {
    return parse(hexToBytes(hex));
  } catch {
    // Whatever is wrong with the bytes, the caller of the RPC gets one answer.
    throw new RpcRefusal(RPC_CODE.deserialization, complaint);
  }
}
