import {
  ENTRY_DEVICE,
  ENTRY_ERROR,
  ENTRY_VALID,
  ENTRY_WRITE,
  entryHas,
  entryOrder,
  entryPage,
  setEntry,
} from '@hmm-sdk/hmm-api'
import fc from 'fast-check'
import { expect, it } from 'vitest'

it('keeps page, flags and order apart', () => {
  fc.assert(
    fc.property(
      fc.maxSafeInteger().map((page) => Math.abs(page) % 2 ** 51),
      fc.subarray([ENTRY_VALID, ENTRY_WRITE, ENTRY_ERROR, ENTRY_DEVICE]),
      fc.integer({ min: 0, max: 31 }),
      (page, flags, order) => {
        const entries = new Uint32Array(6)
        const union = flags.reduce((all, flag) => all + flag, 0)
        setEntry(entries, 1, page, union, order)
        expect(entryPage(entries, 1)).toBe(page)
        expect(entryOrder(entries, 1)).toBe(order)
        for (const flag of [ENTRY_VALID, ENTRY_WRITE, ENTRY_ERROR, ENTRY_DEVICE]) {
          expect(entryHas(entries, 1, flag)).toBe(flags.includes(flag))
        }
        expect([entries[0], entries[1], entries[4], entries[5]]).toEqual([0, 0, 0, 0])
      },
    ),
  )
})
