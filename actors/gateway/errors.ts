/** The gateway's error codes. */
import { errorTable } from "../../runtime/errors.ts";

export const gatewayErrors = errorTable({
  GATEWAY_PORT_IN_USE: {
    meaning: "Another program already listens on the address of one of the gateway's doors.",
    remedy: "Stop that program, or give the door another address in the section [gateway].",
  },
  GATEWAY_LISTEN_FAILED: {
    meaning: "The system does not let the gateway listen on the address of one of its doors.",
    remedy:
      "Use an address of this machine (127.0.0.1 always is one) and a port of 1024 or above in the section [gateway].",
  },
  GATEWAY_TLS_UNUSABLE: {
    meaning: "The certificate or the key of a door's TLS cannot be used.",
    remedy:
      "Give a certificate and its key as PEM in the keys that the message names, in the section [gateway], or neither for one of our own.",
  },
  GATEWAY_TOR_UNSET: {
    meaning:
      "An onion service is wanted, or peers only through Tor, and nobody has said where Tor's port for it is.",
    remedy:
      "Set control (127.0.0.1:9051) or socks (127.0.0.1:9050) in the section [tor], or electrum_onion or electrum_peers_only_by_tor to false.",
  },
  GATEWAY_NO_ELECTRUM: {
    meaning: "The gateway that was asked has no Electrum door.",
    remedy: "Give it an address in electrum_tls_listen in the section [gateway], or ask another host's.",
  },
  GATEWAY_PEERS_OFF: {
    meaning: "The Electrum door looks for no other servers, so it has no list of them.",
    remedy: 'Set electrum_peers in the section [gateway] to "find" or "announce".',
  },
  GATEWAY_BAD_PEER: {
    meaning: "What is to be added names no Electrum server that could be reached.",
    remedy:
      "Write it like: electrum.example.org s50002 t50001. Onion services need socks in the section [tor].",
  },
  GATEWAY_BANS_UNREADABLE: {
    meaning: "The list of addresses that are banned from the Electrum door cannot be read.",
    remedy: "Mend the file that the message names, or delete it to begin with an empty list.",
  },
  GATEWAY_BANS_FULL: {
    meaning: "No more addresses can be banned from the Electrum door.",
    remedy: "Unban some, or ban a network that holds several.",
  },
  GATEWAY_BAD_NETWORK: {
    meaning: "What is to be banned or unbanned is neither an address nor a network.",
    remedy: "Write it like 192.0.2.7, 192.0.2.0/24 or 2001:db8::/48.",
  },
  GATEWAY_XMPP_UNSET: {
    meaning: "The XMPP door is wanted, and not all is said that it needs.",
    remedy:
      "Set xmpp_server, xmpp_domain (in the mode bot: xmpp_account) and xmpp_secret_file in the section [gateway], or none of them.",
  },
  GATEWAY_XMPP_LANGUAGE: {
    meaning: "A file of xmpp_languages is no catalogue of a language.",
    remedy:
      "Mend what the message names, or take the file out of xmpp_languages. docs/xmpp-catalogue.json is English as such a file.",
  },
  GATEWAY_XMPP_NO_REPLY: {
    meaning: "Somebody whom the XMPP door has asked something over XMPP has not answered.",
    remedy: "Nothing to do: it is asked again. The XMPP server's log says more if it goes on.",
  },
  GATEWAY_PAGES_MISSING: {
    meaning: "There is no first page in the folder whose files the wallet door is to serve.",
    remedy:
      "Give the folder with the built files of JAM in wallet_pages in the section [gateway], or leave the key out.",
  },
  GATEWAY_PAGE_MISSING: {
    meaning: "The files of the web page are not where the program expects them.",
    remedy: "The installation is incomplete: the folder actors/gateway/http/page belongs to it.",
  },
});
