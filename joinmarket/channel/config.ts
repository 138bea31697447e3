/** The `[market]` section: on which channels makers and takers meet their counterparties. */
import { z } from "zod";
import { hostPort, pathText } from "../../runtime/config/config-values.ts";
import { section } from "../../runtime/config/section.ts";

const IRC_SERVER = /^ircs?:\/\/[A-Za-z0-9.-]{1,253}:\d{1,5}$/;

export const marketSection = section(
  "market",
  "Where JoinMarket's makers and takers meet: directory nodes behind Tor, and IRC servers",
  z.object({
    directories: z
      .array(hostPort())
      .max(32)
      .default([])
      .describe(
        "Directory nodes, such as <56 letters>.onion:5222; all are used at once. Empty: in the sandbox our own, elsewhere those that JoinMarket's programs know. Onion services need [tor] socks.",
      ),
    irc: z
      .array(
        z
          .string()
          .max(300)
          .refine((text) => IRC_SERVER.test(text), {
            params: { expected: 'a server of the form "ircs://irc.example.org:6697", or irc:// without TLS' },
          }),
      )
      .max(8)
      .default([])
      .describe(
        "IRC servers, such as ircs://irc.hackint.org:6697; joinmarket-clientserver's bots are there too. Through Tor if [tor] socks is set, otherwise the server sees your address. Empty: none.",
      ),
    irc_account: z
      .string()
      .min(1)
      .max(100)
      .optional()
      .describe(
        "The account to log in by (SASL), for servers that ask for one. All bots of this box show it.",
      ),
    irc_password_file: pathText().optional().describe("A file with the password of irc_account."),
    socks: hostPort()
      .optional()
      .describe("Tor's SocksPort for the market only. Without it, the one of [tor]."),
    control: hostPort()
      .optional()
      .describe("Tor's ControlPort for the market only. Without it, the one of [tor]."),
    serve_onion: z
      .boolean()
      .default(false)
      .describe(
        "Makers let takers connect to an onion service without a directory between: each maker has one of its own, as long as its nick lasts. Needs [tor] control; serve_listen and serve_address are then not needed.",
      ),
    serve_listen: hostPort()
      .optional()
      .describe(
        "Where makers let takers connect to them without a directory between: Tor's HiddenServicePort 5222 leads here. Port 0 takes a free port. Unset: all goes by directories.",
      ),
    serve_address: hostPort()
      .optional()
      .describe(
        "The onion address that leads to serve_listen, as takers shall dial it. Without it they are told serve_listen itself, which only directories of this host take.",
      ),
  }),
);

export type MarketConfig = z.output<typeof marketSection.schema>;

/** The directories that JoinMarket's two programs know, as of joinmarket-ng 0.37 and joinmarket-clientserver 0.9.12. */
const KNOWN_DIRECTORIES: Readonly<Record<string, readonly string[]>> = {
  mainnet: [
    "satoshi2vcg5e2ept7tjkzlkpomkobqmgtsjzegg6wipnoajadissead.onion:5222",
    "jmarketxf5wc4aldf3slm5u6726zsky52bqnfv6qyxe5hnafgly6yuyd.onion:5222",
    "coinjointovy3eq5fjygdwpkbcdx63d7vd4g32mw7y553uj3kjjzkiqd.onion:5222",
    "nakamotourflxwjnjpnrk7yc2nhkf6r62ed4gdfxmmn5f4saw5q5qoyd.onion:5222",
    "odpwaf67rs5226uabcamvypg3y4bngzmfk7255flcdodesqhsvkptaid.onion:5222",
    "jmrust7bgdbdl6skkvuzhqost4jkikrluj6alemspeifm5hvgqz2qaad.onion:5222",
    "nok55gjlqw6h76zi6gigukoztpx7xgo5r3w5csu362nys5yukzrxpgad.onion:5222",
  ],
  signet: [
    "signetvaxgd3ivj4tml4g6ed3samaa2rscre2gyeyohncmwk4fbesiqd.onion:5222",
    "u5oj5etqex3vh7jagljf3e2lo4awmmtcw3klbrlt2fonzyozpn5txrqd.onion:5222",
    "frqp4m6yveiagow73dplmnyv2abrqhte2grbhgw7hkbkhrv6zagrqbqd.onion:5222",
    "rr6f6qtleiiwic45bby4zwmiwjrj3jsbmcvutwpqxjziaydjydkk5iad.onion:5222",
    "k74oyetjqgcamsyhlym2vgbjtvhcrbxr4iowd4nv4zk5sehw4v665jad.onion:5222",
    "y2ruswmdbsfl4hhwwiqz4m3sx6si5fr6l3pf62d4pms2b53wmagq3eqd.onion:5222",
  ],
};

/** The directories of a network when nobody names others. */
export function knownDirectories(network: string): readonly string[] {
  return KNOWN_DIRECTORIES[network] ?? [];
}
