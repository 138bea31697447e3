/** Before each test file: the properties of fast-check try the same cases in every run. */
import fc from "fast-check";
import { SEED } from "./seed.ts";

fc.configureGlobal({ ...fc.readConfigureGlobal(), seed: SEED });
