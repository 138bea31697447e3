/** Thrown by whoever answers a stanza: what the asker is told. */
import type { StanzaProblem } from "../link/replies.ts";

export class StanzaError extends Error {
  readonly problem: StanzaProblem;

  constructor(problem: StanzaProblem) {
    super(problem.text ?? problem.condition);
    this.name = "StanzaError";
    this.problem = problem;
  }
}

/** Also what is hidden answers so: who may not know is told the same as where nothing is. */
export function notFound(): StanzaError {
  return new StanzaError({ condition: "item-not-found" });
}
