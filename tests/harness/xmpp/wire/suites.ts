/** The suites of the XMPP door that run twice: without a wire, and over a real Prosody. */

export const OVER_PROSODY: readonly string[] = [
  "actors/gateway/xmpp/adhoc/adhoc.test.ts",
  "actors/gateway/xmpp/chat/chat.test.ts",
  "actors/gateway/xmpp/commands/export.test.ts",
  "actors/gateway/xmpp/commands/limits.test.ts",
  "actors/gateway/xmpp/commands/mixing/mix.test.ts",
  "actors/gateway/xmpp/commands/operator/operator.test.ts",
  "actors/gateway/xmpp/commands/settings.test.ts",
  "actors/gateway/xmpp/disco/disco.test.ts",
  "actors/gateway/xmpp/hostile.test.ts",
  "actors/gateway/xmpp/language/catalogue-file.test.ts",
  "actors/gateway/xmpp/notices/coinjoin-progress.test.ts",
  "actors/gateway/xmpp/notices/notices.test.ts",
  "actors/gateway/xmpp/presence/presence.test.ts",
  "actors/gateway/xmpp/register/registration.test.ts",
  "actors/gateway/xmpp/web/web.test.ts",
];
