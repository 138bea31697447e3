/** Where a call goes: everything about one method that does not change from call to call. */
import type { RpcDeclaration } from "../../contract/contract.ts";
import type { RpcLabels } from "../metrics.ts";

/** One method of one instance as this connection calls it; made once per stub. */
export interface Route {
  readonly actor: string;
  readonly instance: string;
  readonly method: string;
  readonly subject: string;
  /** The subject with `*` for the instance: few values, fit for a span's attribute. */
  readonly template: string;
  readonly declaration: RpcDeclaration;
  readonly hash: string;
  readonly requestBytesMax: number;
  readonly labelsOk: RpcLabels;
}
