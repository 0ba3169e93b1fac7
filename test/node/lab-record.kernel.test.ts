import { describe, expect, it } from "vitest";
import { findLab, forgetLab, listLabs, recordLab } from "../../src/node/lab/record.js";

const missing = process.getuid?.() !== 0 ? "root" : null;
const names = Array.from({ length: 8 }, (_, index) => `lab-record-${index}`);

describe.skipIf(missing !== null)(`the records of labs (needs ${missing ?? "what is here"})`, () => {
	it("give labs that are made at the same moment networks of their own, and are never read half written", async () => {
		let looking = true;
		const looked = (async () => {
			while (looking) await listLabs();
		})();
		try {
			const labs = await Promise.all(names.map((name) => recordLab(name, 2, "/nowhere")));
			expect(new Set(labs.map((lab) => lab.index)).size).toBe(names.length);
			expect((await listLabs()).filter((lab) => names.includes(lab.name))).toHaveLength(names.length);
			await expect(recordLab(names[0] ?? "", 2, "/nowhere")).rejects.toMatchObject({ code: "conflict" });
		} finally {
			looking = false;
			await looked;
			await Promise.all(names.map(forgetLab));
		}
		expect(await findLab(names[0] ?? "")).toBeNull();
	});
});
