import { expect, test } from "vitest";
import { TroupeError } from "../../../runtime/errors.ts";
import { refusals } from "./refusals.ts";

test("what the system says of a write becomes a refusal that says what to do", () => {
  const of = (code: string) => refusals.disk("a.jmdat", Object.assign(new Error("x"), { code })).code;

  expect(of("ENOSPC")).toBe("WALLETD_DISK_FULL");
  expect(of("EDQUOT")).toBe("WALLETD_DISK_FULL");
  expect(of("EROFS")).toBe("WALLETD_DISK_READ_ONLY");
  expect(of("ERR_ACCESS_DENIED")).toBe("WALLETD_DISK_READ_ONLY");
  expect(of("ENOENT")).toBe("WALLETD_FILE_MISSING");
  expect(of("EIO")).toBe("WALLETD_DISK_FAILED");
});

test("a refusal of ours stays what it is", () => {
  const ours = refusals.wrongPassword("a.jmdat");

  expect(refusals.disk("a.jmdat", ours)).toBe(ours);
  expect(ours).toBeInstanceOf(TroupeError);
});

test("a hostile name cannot fill or break the message that refuses it", () => {
  expect(refusals.badName(`\n\u001b[2J${"x".repeat(10_000)}`).message).toMatch(/^[ -~]{1,200}$/);
});
