/** A page with converse.js; the part of its address behind the # says who logs in, and where. */
import converse from "/dist/converse.min.js";

const wanted = JSON.parse(decodeURIComponent(location.hash.slice(1)));

// How a test asks for what has no button: whether it is online, and a chat with somebody who is no contact yet.
converse.plugins.add("test", {
  initialize() {
    window.converseApi = this._converse.api;
  },
});

converse.initialize({
  ...wanted,
  authentication: "login",
  auto_login: true,
  allow_non_roster_messaging: true,
  assets_path: "/dist/",
  blacklisted_plugins: ["converse-omemo"],
  discover_connection_methods: false,
  i18n: "en",
  play_sounds: false,
  view_mode: "fullscreen",
  whitelisted_plugins: ["test"],
});
