/** Fresh tokens for a refresh token (RFC 6749, section 6). */
import { z } from "zod";
import { type Endpoint, endpoint } from "../wire/endpoint.ts";
import { Refusal, tokenRefusal } from "../wire/refusal.ts";
import type { RouteParts } from "./parts.ts";
import { TokenFields } from "./schemas.ts";

/** Loose: what is missing has an answer of its own. */
const TokenBody = z.object({
  grant_type: z.string().max(100).optional(),
  refresh_token: z.string().max(4_096).optional(),
});

export function tokenEndpoints({ login }: RouteParts): Endpoint[] {
  return [
    endpoint("POST", "/api/v1/token", "token", {
      doc: "A new pair of tokens for a refresh token and the access token, expired or not, that came with it.",
      body: TokenBody,
      answer: z.object({ walletname: z.string(), ...TokenFields }),
      refusals: ["InvalidToken"],
      handle: ({ token, body }) => {
        if (token === undefined) throw tokenRefusal("invalid");
        const { grant_type, refresh_token } = body;
        if (grant_type === undefined || refresh_token === undefined) {
          throw oauthRefusal("invalid_request", "grant_type and refresh_token are needed.");
        }
        if (grant_type !== "refresh_token") {
          throw oauthRefusal("unsupported_grant_type", "Only refresh_token is supported.");
        }
        const name = login.open?.name;
        // An access token that is not ours says nothing of who holds it; an expired one is what this is for.
        if (name === undefined || login.faultOf(token) === "invalid") throw tokenRefusal("invalid");
        const pair = login.refresh(token, refresh_token);
        if (pair === undefined) throw oauthRefusal("invalid_grant", "The refresh token is no good any more.");
        return { walletname: name, ...pair };
      },
    }),
  ];
}

function oauthRefusal(message: string, error_description: string): Refusal {
  return new Refusal("InvalidRequestFormat", { message, fields: { error_description } });
}
