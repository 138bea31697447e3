/** How one endpoint is declared: once, and its route, its checks and its entry in the OpenAPI document follow from it. */
import type { z } from "zod";
import type { OpenWallet } from "../wallet/login.ts";
import type { RefusalName } from "./refusal.ts";

/**
 * `open`: anybody. `optional`: a token may be shown, and must be good then. `token`: one is needed.
 * `wallet`: one is needed, and the path names the wallet that is open.
 */
export type Access = "open" | "optional" | "token" | "wallet";

export interface Ask<B = unknown, P = unknown, Q = unknown> {
  readonly body: B;
  readonly params: P;
  readonly query: Q;
  /** The header Idempotency-Key: a request that is repeated with it is the same request. */
  readonly idempotencyKey: string | undefined;
  /** The access token that was shown, good or not. */
  readonly token: string | undefined;
  /** Of those who have shown a good token. */
  readonly wallet: OpenWallet | undefined;
}

/** An ask for the wallet that is open. */
export interface WalletAsk<B = unknown, P = unknown, Q = unknown> extends Ask<B, P, Q> {
  readonly wallet: OpenWallet;
}

export interface Endpoint {
  readonly method: "GET" | "POST" | "DELETE";
  /** As in OpenAPI: `/api/v1/wallet/{walletname}/display`. */
  readonly path: string;
  /** The name in generated clients; stable. */
  readonly id: string;
  readonly doc: string;
  readonly access: Access;
  /** Each request counts against the small number of tries that one address has. */
  readonly isGuess: boolean;
  readonly params: z.ZodType | undefined;
  readonly query: z.ZodType | undefined;
  readonly body: z.ZodType | undefined;
  readonly status: number;
  /** Undefined: no body. `text`: plain text. */
  readonly answer: z.ZodType | "text" | undefined;
  readonly refusals: readonly RefusalName[];
  handle(ask: Ask): unknown;
}

interface Declaration<B extends z.ZodType, P extends z.ZodType, Q extends z.ZodType> {
  readonly doc: string;
  readonly isGuess?: boolean;
  readonly params?: P;
  readonly query?: Q;
  readonly body?: B;
  readonly status?: number;
  readonly answer?: z.ZodType | "text";
  readonly refusals?: readonly RefusalName[];
}

interface Handled<B extends z.ZodType, P extends z.ZodType, Q extends z.ZodType, A>
  extends Declaration<B, P, Q> {
  readonly handle: (ask: A & Ask<z.output<B>, z.output<P>, z.output<Q>>) => unknown;
}

/** `get("/getinfo", "version", …)`: for whoever comes, unless `access` says otherwise. */
export function endpoint<
  B extends z.ZodType = z.ZodType,
  P extends z.ZodType = z.ZodType,
  Q extends z.ZodType = z.ZodType,
>(
  method: Endpoint["method"],
  path: string,
  id: string,
  declaration: Handled<B, P, Q, unknown> & { readonly access?: Exclude<Access, "wallet"> },
): Endpoint {
  return complete(method, path, id, declaration.access ?? "open", declaration);
}

/** `path` is what follows the wallet's name. */
export function walletEndpoint<
  B extends z.ZodType = z.ZodType,
  P extends z.ZodType = z.ZodType,
  Q extends z.ZodType = z.ZodType,
>(
  method: Endpoint["method"],
  path: string,
  id: string,
  declaration: Handled<B, P, Q, { readonly wallet: OpenWallet }>,
): Endpoint {
  return complete(method, `/api/v1/wallet/{walletname}${path}`, id, "wallet", declaration);
}

function complete<B extends z.ZodType, P extends z.ZodType, Q extends z.ZodType>(
  method: Endpoint["method"],
  path: string,
  id: string,
  access: Access,
  // biome-ignore lint/suspicious/noExplicitAny: what a handler is given is checked by the schemas beside it, not by its type
  declaration: Handled<B, P, Q, any>,
): Endpoint {
  const { doc, isGuess = false, params, query, body, status = 200, answer, refusals = [] } = declaration;
  const { handle } = declaration;
  return { method, path, id, doc, access, isGuess, params, query, body, status, answer, refusals, handle };
}
