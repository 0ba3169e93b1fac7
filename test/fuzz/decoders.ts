// Every decoder of bytes from outside that is written in TypeScript. One that is added to the product is added here.

import type { Decoder } from "./decoder.js";
import { admissionDecoders } from "./decoders/admission.js";
import { bulkDecoders } from "./decoders/bulk.js";
import { callDecoders } from "./decoders/calls.js";
import { diskDecoders } from "./decoders/disk.js";
import { frameDecoders } from "./decoders/frames.js";
import { imageDecoders } from "./decoders/images.js";
import { moveDecoders } from "./decoders/moves.js";
import { proofDecoders } from "./decoders/proofs.js";
import { stateDecoders } from "./decoders/state.js";

export const decoders: readonly Decoder[] = [
	...admissionDecoders,
	...proofDecoders,
	...frameDecoders,
	...bulkDecoders,
	...stateDecoders,
	...moveDecoders,
	...callDecoders,
	...imageDecoders,
	...diskDecoders,
];
