import { expect, it } from "vitest";
import { abortWith } from "../../src/runtime/abort-with.js";

it("aborts with the first of the signals and its reason, and no more when that was ended", () => {
	const [abort, first, second] = [new AbortController(), new AbortController(), new AbortController()];
	abortWith(abort, [first.signal, second.signal]);
	second.abort("second");
	first.abort("first");
	expect(abort.signal.reason).toBe("second");
	const [late, source] = [new AbortController(), new AbortController()];
	abortWith(late, [source.signal])();
	source.abort("over");
	expect(late.signal.aborted).toBe(false);
	const at = new AbortController();
	abortWith(at, [second.signal]);
	expect(at.signal.reason).toBe("second");
});
