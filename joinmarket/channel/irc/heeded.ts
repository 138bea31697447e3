/** Which of a server's lines reach the IRC library: those that we act on. Of others it keeps lists that nobody asked for, without an end. */

/** What peers and the server say as long as a connection lasts. */
const ALWAYS = new Set([
  ...["PING", "PONG", "ERROR", "PRIVMSG", "JOIN", "PART", "QUIT", "KICK", "NICK"],
  // Our nick is another's, or none.
  ...["432", "433", "436", "437"],
]);
/** Said while we come in: capabilities, login, welcome, the server's options, the end of its greeting. */
const ENTERING = new Set(["CAP", "AUTHENTICATE", "001", "005", "376", "422"]);
const LOGIN = /^90[0-8]$/;
/** Servers say a dozen of them. */
const ENTERING_MAX = 100;
/** Past tags and sender. */
const COMMAND = /^(?:@\S* +)?(?::\S* +)?([A-Za-z]+|\d{3})(?= |$)/;

/** Of one connection. */
export class Heeded {
  #entering = 0;

  takes(line: string): boolean {
    const command = COMMAND.exec(line)?.[1]?.toUpperCase() ?? "";
    if (ALWAYS.has(command)) return true;
    return (ENTERING.has(command) || LOGIN.test(command)) && ++this.#entering <= ENTERING_MAX;
  }
}
