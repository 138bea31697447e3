/** The method that concerns the door and not the chain: the ping. */
import { type Method, method, optional } from "../method.ts";
import { badRequest } from "../protocol-error.ts";

/** A client of 1.7 hides the size of what it does by asking for answers of a chosen size. */
function pongLength(given: unknown): number {
  if (typeof given === "number" && Number.isSafeInteger(given) && given >= 0) return given;
  throw badRequest(`${JSON.stringify(given)?.slice(0, 80)} should be a non-negative integer`);
}

export function ownMethods(): readonly Method[] {
  return [
    method({
      name: "server.ping",
      before: "1.7",
      // Peers take two arguments in every version.
      params: [optional("pong_len", (given) => given, 0), optional("data", (given) => given, "")],
      cost: 0.1,
      handle: () => null,
    }),
    method({
      name: "server.ping",
      since: "1.7",
      params: [optional("pong_len", pongLength, 0), optional("data", (given) => given, "")],
      cost: 0.1,
      handle: ([length], session) => {
        if (length > session.responseBytesMax / 2) throw badRequest("pong_len value too high");
        return { data: "0".repeat(length) };
      },
    }),
  ];
}
