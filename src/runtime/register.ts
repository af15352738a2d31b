/** Preloaded with `node --import`: makes an unchanged app take part. */
import { takePart } from "./take-part.ts";

await takePart();
