/** The keys of the section [gateway] about other Electrum servers: whether any are looked for, and whether they are told of us. */
import { z } from "zod";
import { candidateOfText } from "./peer.ts";

/** Only whether a line can be read: what a letter without a number means is the network's to say. */
const ANY_PORTS = { tcp: 50_001, tls: 50_002 };

function port() {
  return z.int().min(0).max(65_535).optional();
}

export const peerKeys = {
  electrum_peers: z
    .enum(["off", "find", "announce"])
    .default("off")
    .describe(
      "Whether other Electrum servers are looked for, checked and told to wallets. off: no server is asked and none hears of us. find: they are, which shows them our address. announce: they are also asked to add us, under the first of electrum_host_names.",
    ),
  electrum_peer_seeds: z
    .array(
      z
        .string()
        .max(300)
        .refine((text) => candidateOfText(text, ANY_PORTS) !== undefined, {
          params: {
            expected: 'a server such as "electrum.example.org s50002 t50001": s for TLS, t for plain TCP',
          },
        }),
    )
    .max(256)
    .optional()
    .describe(
      "The servers that are asked first. Unset: well-known ones of the network, of which regtest and signet have none.",
    ),
  electrum_peers_only_by_tor: z
    .boolean()
    .default(false)
    .describe(
      "Speak to other servers only through Tor ([tor] socks), so that none sees our address. Onion services are always asked that way, and not at all while it is unset.",
    ),
  electrum_public_tcp_port: port().describe(
    "The port that is announced for plain TCP, where it is not the door's own, as behind a router. 0: none.",
  ),
  electrum_public_tls_port: port().describe("The same for TLS."),
};
