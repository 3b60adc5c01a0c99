import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { notesWrites } from '../src/notes-writes.js'

it('says of this kernel what its list of mappings says', () => {
  const mappings = readFileSync('/proc/self/smaps', 'utf8')
  const flags = mappings.match(/^VmFlags:.*/gm) ?? []
  expect(flags).not.toHaveLength(0)
  const pageShift = Math.log2(Number(/^KernelPageSize: +(\d+) kB/m.exec(mappings)?.[1]) * 1024)
  expect(notesWrites(pageShift)).toBe(flags.some((line) => / sd\b/.test(line)))
})
