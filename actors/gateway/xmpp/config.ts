/** The XMPP door's keys of the section [gateway]: which server it is a component of, and who may speak to it. */
import { z } from "zod";
import { parseHostPort } from "../../../runtime/config/config-values.ts";
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

/** A part of the gateway's section, which is one flat table. */
export const xmppKeys = {
  xmpp_server: z
    .string()
    .max(256)
    .refine((text) => text === "" || parseHostPort(text) !== undefined, {
      params: { expected: 'an address such as "127.0.0.1:5347", or "" for no such door' },
    })
    .default("")
    .describe(
      'Where the XMPP server takes components (XEP-0114), such as "127.0.0.1:5347". The protocol is plain TCP: this machine or a tunnel only. "" opens no such door.',
    ),
  xmpp_domain: domain()
    .optional()
    .describe("The component's own domain, as the XMPP server knows it, such as btc.example.org."),
  xmpp_secret_file: secretFile()
    .optional()
    .describe("The file with the secret that the XMPP server has for the component, mode 600."),
  xmpp_parent_domain: domain()
    .optional()
    .describe("The domain of the server's own people. Unset: xmpp_domain without its first part."),
  xmpp_alias: z
    .string()
    .regex(/^[a-z][a-z0-9_]{1,29}$/)
    .default("wallet")
    .describe(
      "The name under which people chat with the gateway: some clients open no chat with a bare domain.",
    ),
  xmpp_allow_domains: z
    .array(domain())
    .max(1_000)
    .default([])
    .describe("Other servers whose people may use the door, besides those of xmpp_parent_domain."),
  xmpp_allow_jids: z
    .array(jid())
    .max(10_000)
    .default([])
    .describe("Single people of other servers who may use it."),
} as const;

export type XmppConfig = z.output<ReturnType<typeof xmppSchema>>;

function xmppSchema() {
  return z.object(xmppKeys);
}
