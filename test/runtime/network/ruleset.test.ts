import { describe, expect, it } from "vitest";
import { containerIdOf } from "../../../src/model.js";
import { addPortRules, baseRules, deletePortRules, portRulesIn } from "../../../src/runtime/network/ruleset.js";

const rule = {
	scope: "n1",
	container: containerIdOf("web", 0),
	address: "10.99.0.5",
	port: { host: 8080, container: 80, protocol: "tcp" as const },
};

describe("nftables rules", () => {
	it("makes table, maps and chains so that a second application changes nothing", () => {
		const lines = baseRules().trim().split("\n");
		expect(lines.every((line) => /^(add|flush) /.test(line))).toBe(true);
		const chains = lines.filter((line) => line.startsWith("add chain")).map((line) => line.split(" ")[4]);
		expect(lines.filter((line) => line.startsWith("flush chain")).map((line) => line.split(" ")[4])).toEqual(chains);
	});

	it("publishes with create, so that a port that stands already is refused", () => {
		expect(addPortRules([rule])).toBe(
			'create element ip stratoswarm published_tcp { 8080 comment "n1/web.0" : 10.99.0.5 . 80 }\n',
		);
		expect(deletePortRules([rule])).toBe("delete element ip stratoswarm published_tcp { 8080 }\n");
	});

	it("reads its own elements back from nft's JSON and leaves strange ones out", () => {
		const element = [{ elem: { val: 8080, comment: "n1/web.0" } }, { concat: ["10.99.0.5", 80] }];
		const json = {
			nftables: [
				{ metainfo: {} },
				{ map: { name: "published_tcp", elem: [element, [9, { concat: ["10.99.0.6", 1] }]] } },
				{ map: { name: "published_udp" } },
				{ map: { name: "foreign", elem: [element] } },
			],
		};
		expect(portRulesIn(JSON.stringify(json))).toEqual([rule]);
	});
});
