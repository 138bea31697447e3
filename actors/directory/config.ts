/** The `[directory]` section: where bots come in, what they may do, and when they are shown out. */
import { z } from "zod";
import { hostPort } from "../../runtime/config/config-values.ts";
import { section } from "../../runtime/config/section.ts";

const perMinute = (most: number, preset: number) => z.int().min(1).max(most).default(preset);

export const directorySection = section(
  "directory",
  "Our directory node: it introduces JoinMarket's makers and takers to each other. Off unless placed, on in the sandbox",
  z.object({
    listen: hostPort()
      .default("127.0.0.1:5222")
      .describe(
        "Where bots come in. They expect an onion service with port 5222: let Tor's HiddenServicePort lead here. Port 0 takes a free port.",
      ),
    public_address: hostPort()
      .optional()
      .describe(
        "The address that bots dial, such as <56 letters>.onion:5222: nicks are proven for this address and no other. Without it, the one of listen.",
      ),
    onion: z
      .boolean()
      .default(false)
      .describe(
        "Offer the directory as an onion service with port 5222, by Tor's control port ([tor] control). Its address is kept, and is the public_address where none is set.",
      ),
    nick_auth: z
      .enum(["prefer_verified", "require_verified", "disabled"])
      .default("prefer_verified")
      .describe(
        "Whether bots must prove that their nick is their own. prefer_verified: those that can do, and then nobody takes the nick from them; require_verified: others stay outside, joinmarket-clientserver's among them.",
      ),
    motd: z
      .string()
      .max(1_000)
      .default("")
      .describe("A message that each bot is given when it comes; bots show it in their logs."),
    bots_max: z.int().min(1).max(100_000).default(10_000).describe("So many bots may be inside at once."),
    bots_per_address_max: z
      .int()
      .min(1)
      .max(100_000)
      .default(32)
      .describe("So many from one address. Through Tor all come from this host, which is not counted."),
    orderbook_per_minute: perMinute(10_000, 10).describe(
      "So often may one bot ask all makers for their offers. What is more is not passed on.",
    ),
    public_per_minute: perMinute(100_000, 60).describe(
      "So many public messages may one bot send. What is more is not passed on.",
    ),
    private_per_minute: perMinute(100_000, 1_200).describe(
      "So many private messages may one bot send. What is more is not passed on.",
    ),
    violations_max: z
      .int()
      .min(1)
      .max(1_000_000)
      .default(200)
      .describe(
        "A bot of which so many messages were not passed on in an hour is shown out; its nick is banned if it has proven it, its address if it is not this host's.",
      ),
    ban_minutes: z.int().min(1).max(525_600).default(60).describe("How long a ban lasts."),
    idle_seconds: z
      .int()
      .min(5)
      .max(86_400)
      .default(600)
      .describe(
        "A bot that says nothing for so long is asked whether it lives, and shown out if it does not.",
      ),
  }),
);

/** What the directory is started with: its own section, and where Tor's control port is, which the section [tor] says. */
export const directoryStartSection = section(
  "directory",
  directorySection.title,
  directorySection.schema.extend({ tor_control: hostPort().optional() }),
);
