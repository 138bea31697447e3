/** `supervisor electrum …` with its options, help and examples. */
import type { Command } from "commander";
import type { ProgramTools } from "../program-tools.ts";
import {
  addPeer,
  ban,
  bans,
  disconnect,
  forgetPeer,
  peers,
  sessions,
  stats,
  unban,
} from "./electrum-commands.ts";

export function addElectrum(
  program: Command,
  { terminal, exitWith, withPlace, examples }: ProgramTools,
): void {
  const electrum = program
    .command("electrum")
    .summary("see and look after the Electrum door's clients and peers")
    .description(
      "Shows who is inside the Electrum door of a gateway, closes sessions, bans addresses; shows the other servers that it knows.",
    );
  const command = (usage: string, summary: string, description: string) =>
    withPlace(electrum.command(usage))
      .summary(summary)
      .description(description)
      .option("--host <name>", "the gateway of that host; default: this one's")
      .option("--json", "answer as JSON");

  command("sessions", "the clients that are connected", "Shows the connected clients, the costliest first.")
    .option("-n, --lines <number>", "at most so many", "50")
    .addHelpText(
      "after",
      examples(
        ["supervisor electrum sessions", ""],
        ["supervisor electrum sessions --json | jq '.sessions[].client'", "for scripts"],
      ),
    )
    .action(async (options) => exitWith(await sessions(options, terminal)));

  command(
    "stats",
    "what the door has done, how full it is, its limits",
    "Shows sessions, subscriptions, requests by method with their times, errors and memory, since the door was opened, and what clients are held to.",
  ).action(async (options) => exitWith(await stats(options, terminal)));

  command(
    "disconnect",
    "close sessions",
    "Closes sessions: by number, all of an address or a network, or all. Clients may come back at once.",
  )
    .argument("[sessions...]", "numbers from `supervisor electrum sessions`")
    .option("--network <address>", "all of an address or a network")
    .option("--all", "all there are")
    .addHelpText(
      "after",
      examples(
        ["supervisor electrum disconnect 17 23", "two sessions"],
        ["supervisor electrum disconnect --network 192.0.2.0/24", ""],
      ),
    )
    .action(async (ids, options) => exitWith(await disconnect(ids, options, terminal)));

  command(
    "ban",
    "keep an address or a network out",
    "Keeps an address or a network out, over restarts too, and closes its sessions.",
  )
    .argument("<network>", "such as 192.0.2.7, 192.0.2.0/24 or 2001:db8::/48")
    .option("--minutes <number>", "for so long; without it for good")
    .addHelpText("after", examples(["supervisor electrum ban 192.0.2.7 --minutes 60", ""]))
    .action(async (network, options) => exitWith(await ban(network, options, terminal)));

  command("unban", "let an address or a network in again", "Lets a banned address or network in again.")
    .argument("<network>", "as `supervisor electrum bans` shows it")
    .action(async (network, options) => exitWith(await unban(network, options, terminal)));

  command(
    "bans",
    "the addresses and networks that are kept out",
    "Shows what is banned, and until when.",
  ).action(async (options) => exitWith(await bans(options, terminal)));

  command(
    "peers",
    "the other servers that are known",
    "Shows the other Electrum servers: those that wallets are told of first, and why the rest are not among them.",
  )
    .addHelpText(
      "after",
      examples(
        ["supervisor electrum peers", ""],
        [
          "supervisor electrum peers --json | jq -r '.peers[] | select(.state==\"good\").host'",
          "for scripts",
        ],
      ),
    )
    .action(async (options) => exitWith(await peers(options, terminal)));

  command(
    "add-peer",
    "look at another server",
    "Looks at another Electrum server now, and again from time to time until it is forgotten by order.",
  )
    .argument("<host>", "a name, an address or an onion service")
    .argument(
      "[ports...]",
      "s50002 for TLS, t50001 for plain TCP; without a number the usual one; without any both",
    )
    .addHelpText("after", examples(["supervisor electrum add-peer electrum.example.org s50002", ""]))
    .action(async (host, ports, options) => exitWith(await addPeer(host, ports, options, terminal)));

  command(
    "forget-peer",
    "forget another server",
    "Forgets another Electrum server, which is then for a day not taken from others' lists either.",
  )
    .argument("<host>", "as `supervisor electrum peers` shows it")
    .action(async (host, options) => exitWith(await forgetPeer(host, options, terminal)));
}
