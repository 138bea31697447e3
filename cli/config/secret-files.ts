/** Typed secrets on their way into the configuration: each goes into an owner-only file, and the key names that file. */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { ChosenValues } from "../../runtime/config/config-text.ts";
import { Secret } from "../../runtime/secret.ts";
import { writeWhole } from "../../runtime/whole-file.ts";

/** Writes every secret among the answers below `directory`; the values that the file may state come back. */
export function withSecretFiles(chosen: ChosenValues, directory: string): ChosenValues {
  return Object.fromEntries(
    Object.entries(chosen).map(([section, values]) => [
      section,
      Object.fromEntries(
        Object.entries(values).map(([key, value]) => [
          key,
          value instanceof Secret
            ? written(value, directory, `${section}-${key.replace(/_file$/, "")}`)
            : value,
        ]),
      ),
    ]),
  );
}

function written(secret: Secret, directory: string, name: string): string {
  const folder = join(directory, "secrets");
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const path = join(folder, name);
  writeWhole(path, `${secret.reveal()}\n`);
  return path;
}
