/** The XMPP door's keys of the section [gateway]: at which server it is as whom, and who may speak to it. */
import { z } from "zod";
import { isLoopback, parseHostPort, pathText } from "../../../runtime/config/config-values.ts";
import { secretFile } from "../../../runtime/secret.ts";

const domain = () =>
  z
    .string()
    .max(253)
    .regex(/^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$/);

const jid = () =>
  z
    .string()
    .max(2_047)
    .regex(/^[^\s/@]+@[^\s/@]+$/);

function isLocal(text: string): boolean {
  const address = parseHostPort(text);
  return address !== undefined && isLoopback(address.host);
}

/** A part of the gateway's section, which is one flat table. */
export const xmppKeys = {
  xmpp_mode: z
    .enum(["component", "bot"])
    .default("component")
    .describe(
      "component: a domain of our own at an XMPP server of yours, with a JID for each address and user. bot: an ordinary account at any server, for chat commands.",
    ),
  xmpp_server: z
    .string()
    .max(256)
    .refine((text) => text === "" || parseHostPort(text) !== undefined, {
      params: { expected: 'an address such as "127.0.0.1:5347", or "" for no such door' },
    })
    .default("")
    .describe(
      'Where the XMPP server takes components (XEP-0114), such as "127.0.0.1:5347": that protocol is plain TCP, for this machine or a tunnel only. In the mode bot: where it takes clients, such as "example.org:5222", with STARTTLS unless it is this machine. "" opens no such door.',
    ),
  xmpp_domain: domain()
    .optional()
    .describe("The component's own domain, as the XMPP server knows it, such as btc.example.org."),
  xmpp_account: jid()
    .optional()
    .describe("In the mode bot: the account, such as bank@example.org, which nobody else uses."),
  xmpp_secret_file: secretFile()
    .optional()
    .describe(
      "The file with the secret that the XMPP server has for the component, or with the password of xmpp_account, mode 600.",
    ),
  xmpp_parent_domain: domain()
    .optional()
    .describe(
      "The domain of the server's own people. Unset: xmpp_domain without its first part; in the mode bot, that of xmpp_account.",
    ),
  xmpp_alias: z
    .string()
    .regex(/^[a-z][a-z0-9_]{1,29}$/)
    .default("wallet")
    .describe(
      "The name under which people chat with the gateway: some clients open no chat with a bare domain.",
    ),
  xmpp_roster_group: z
    .string()
    .max(100)
    .refine((text) => /^(?=.*\S)[^\p{C}\p{Zl}\p{Zp}]+$/u.test(text), {
      params: { expected: 'a name of one line, such as "Bitcoin"' },
    })
    .default("Bitcoin")
    .describe(
      "The group under which our contacts stand in people's lists, where the XMPP server lets us write them (XEP-0356).",
    ),
  xmpp_languages: z
    .array(pathText())
    .max(20)
    .default([])
    .describe(
      "Files with further languages, or with other words for one that there is: JSON named by the language's code, such as /etc/troupe/de.json, with the keys of docs/xmpp-catalogue.json; what a file leaves out is said in English.",
    ),
  xmpp_allow_domains: z
    .array(domain())
    .max(1_000)
    .default([])
    .describe("Other servers whose people may use the door, besides those of xmpp_parent_domain."),
  xmpp_explorer_url: z
    .string()
    .max(500)
    .refine((text) => text === "" || /^https?:\/\/[^\s{}]+\{address\}[^\s{}]*$/.test(text), {
      params: { expected: 'a link such as "https://explorer.example.org/address/{address}", or "" for none' },
    })
    .default("")
    .describe(
      'A page about an address, such as "https://explorer.example.org/address/{address}", that people are told of beside their addresses: whoever opens it tells that page which address interests him. "" tells of none.',
    ),
  xmpp_http_listen: z
    .string()
    .max(256)
    .refine((text) => text === "" || isLocal(text), {
      params: { expected: 'a loopback address such as "127.0.0.1:28182", or "" for no such door' },
    })
    .default("")
    .describe(
      'Where programs give the commands of the chat door by HTTP, with a key of an hour that `web` gives out in the chat, and where exported files are fetched. Loopback only: a web server with TLS stands before it. Port 0 takes a free port; "" opens no such door.',
    ),
  xmpp_http_url: z
    .string()
    .max(500)
    .refine((text) => text === "" || /^https?:\/\/[^\s{}?#]+$/.test(text), {
      params: { expected: 'a link such as "https://bank.example.org", or "" for the address itself' },
    })
    .default("")
    .describe(
      "Under which address people reach xmpp_http_listen, such as https://bank.example.org. Its name has to be one of http_host_names where the web server passes it on.",
    ),
  xmpp_allow_jids: z
    .array(jid())
    .max(10_000)
    .default([])
    .describe("Single people of other servers who may use it."),
} as const;

/** With whom the ledger's section names, who are told of coinjoins. */
export type XmppConfig = z.output<ReturnType<typeof xmppSchema>> & {
  readonly bank_operators: readonly string[];
};

function xmppSchema() {
  return z.object(xmppKeys);
}
