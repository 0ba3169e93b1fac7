import { readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { createFileJournal, type SourceEntry } from "../../src/migration/journal.js";
import { containerIdOf, type NodeId } from "../../src/model.js";
import { temporaryDirectory } from "../support/temporary.js";

const entry: SourceEntry = {
	...{ version: 1, role: "source", move: "a".repeat(24), container: containerIdOf("web", 0), epoch: 3 },
	...{ peer: "n2" as NodeId, startedAtMs: 5, phase: "dumping" },
};

describe("the journal of moves", () => {
	it("gives back the last entry of each move until it is forgotten", async () => {
		const directory = await temporaryDirectory();
		const journal = createFileJournal(directory);
		journal.write(entry, true);
		journal.write({ ...entry, phase: "handed" }, false);
		const again = createFileJournal(directory);
		expect(again.read(() => {})).toEqual([{ ...entry, phase: "handed" }]);
		again.forget(entry.move);
		expect(journal.read(() => {})).toEqual([]);
	});

	it("drops and reports what does not verify", async () => {
		const directory = await temporaryDirectory();
		const journal = createFileJournal(directory);
		writeFileSync(join(directory, "b.json"), '{"version":1,"role":"sou');
		writeFileSync(join(directory, "c.json"), JSON.stringify({ ...entry, phase: "dancing" }));
		writeFileSync(join(directory, "d.json.new"), "{}");
		writeFileSync(join(directory, "e.json"), JSON.stringify({ ...entry, phase: [["toString"]] }));
		writeFileSync(join(directory, "f.json"), JSON.stringify({ ...entry, phase: "toString" }));
		const reported: string[] = [];
		expect(journal.read((file) => void reported.push(file))).toEqual([]);
		expect(reported.sort()).toEqual(["b.json", "c.json", "d.json.new", "e.json", "f.json"]);
		expect(readdirSync(directory)).toEqual([]);
	});
});
