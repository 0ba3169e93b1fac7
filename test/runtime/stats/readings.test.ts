import { describe, expect, it } from "vitest";
import { bytesIn, keyIn, linkBytesIn, pressureIn, throttlingIn } from "../../../src/runtime/stats/readings.js";

describe("readings of a cgroup", () => {
	it("finds a number by its whole key, on any line", () => {
		const text = "usage_usec 12\nuser_usec 5\nnr_throttled 3\n";
		expect(keyIn(text, "usage_usec")).toBe(12);
		expect(keyIn(text, "nr_throttled")).toBe(3);
		expect(keyIn(text, "usec")).toBeNull();
		expect(keyIn(null, "usage_usec")).toBeNull();
	});

	it("tells throttling in microseconds, whatever the version counts in", () => {
		expect(throttlingIn("nr_periods 9\nnr_throttled 3\nthrottled_usec 5000\n")).toEqual({ periods: 3, us: 5_000 });
		expect(throttlingIn("nr_periods 9\nnr_throttled 3\nthrottled_time 5000000\n")).toEqual({ periods: 3, us: 5_000 });
		expect(throttlingIn("usage_usec 5\n")).toBeNull();
	});

	it("tells pressure by its share and by its total", () => {
		const text = "some avg10=1.23 avg60=0.00 avg300=0.00 total=456\nfull avg10=0.10 avg60=0.00 avg300=0.00 total=7\n";
		expect(pressureIn(text)).toEqual({ percent: 1.23, stallUs: 456 });
		expect(pressureIn(null)).toBeNull();
	});

	it("sums the bytes of all disks", () => {
		expect(bytesIn("8:0 rbytes=10 wbytes=20 rios=1 wios=2\n8:16 rbytes=5 wbytes=0 rios=1 wios=0\n")).toEqual({
			read: 15,
			written: 20,
		});
		expect(bytesIn("8:0 Read 10\n8:0 Write 20\n8:0 Sync 30\n8:0 Total 30\nTotal 30\n")).toEqual({
			read: 10,
			written: 20,
		});
		expect(bytesIn("")).toEqual({ read: 0, written: 0 });
		expect(bytesIn(null)).toBeNull();
	});

	it("reads the bytes of links", () => {
		const text =
			"Inter-|   Receive\n face |bytes\n    lo: 12 1 0 0 0 0 0 0 12 1 0 0 0 0 0 0\nsw0123456789ab:99 1 0 0 0 0 0 0 7 1 0 0 0 0 0 0\n";
		expect([...linkBytesIn(text)]).toEqual([
			["lo", { received: 12, sent: 12 }],
			["sw0123456789ab", { received: 99, sent: 7 }],
		]);
	});
});
