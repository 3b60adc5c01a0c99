import type { MemoryFile } from '../../../objects/memory-file.js'
import type { VirtualRange } from '../../../address/virtual-range.js'
import { equal, rejects } from '../../harness/check.js'
import { caseGroup, needing } from '../../harness/case.js'
import type { Scene } from '../../harness/scene.js'

export const description = `
A breakpoint in a file (uprobe) is written to a copy of the page, private to the process: "clear" where the
file's page was mapped. When it is removed, the copy goes and the file's page comes back: "clear" again, also
where the copy stays because somebody holds it (a processor's list of pages does).`

const NOP = 0x90
const BREAKPOINT = 0xcc
/** Where breakpoints are, in the first page. */
const OFFSET = 16

/** A file of instructions that do nothing. */
async function program(t: Scene, pages: number): Promise<MemoryFile> {
  const file = t.own(await t.space.createFile({ pages }))
  await file.write(0, new Uint8Array(pages * t.pageSize).fill(NOP))
  return file
}

/** The byte where the breakpoint may be. */
async function instruction(t: Scene, range: VirtualRange, space = t.space): Promise<number> {
  const bytes = await space.read(range.start, OFFSET + 1)
  return bytes[OFFSET] as number
}

export const group = caseGroup('events/uprobe', ['mirror', 'space.file', 'space.uprobe'], {
  'put-and-removed': async (t) => {
    const file = await program(t, 2)
    const range = await t.mmap(2, { file, protection: 'rx' })
    await t.contents(range)
    const watch = await t.watch(range)
    equal(await watch.snapshot(), ['read', 'read'])
    const frame = () => watch.commit((pages) => pages.frame(0))
    const before = await frame()
    const uprobe = await file.uprobe(OFFSET)
    equal(await watch.seen(), ['clear 0'])
    equal(await watch.snapshot(), ['read', 'read'])
    equal((await frame()) === before, false, "whether the file's page is there still")
    equal(await instruction(t, range), BREAKPOINT)
    equal([...(await file.read(OFFSET, 1))], [NOP], 'what the file has')
    await watch.forget()
    await uprobe.close()
    equal(await watch.seen(), ['clear 0'])
    equal(await watch.snapshot(), ['read', 'read'])
    equal(await instruction(t, range), NOP)
  },

  untouched: async (t) => {
    const file = await program(t, 1)
    const range = await t.mmap(1, { file, protection: 'rx' })
    const uprobe = await file.uprobe(OFFSET)
    const watch = await t.watch(range)
    equal(await watch.snapshot(), ['read'])
    equal(await instruction(t, range), BREAKPOINT)
    await uprobe.close()
    equal(await watch.seen(), ['clear 0'])
    equal(await watch.snapshot(), ['read'])
    equal(await instruction(t, range), NOP)
  },

  // What may be written by the process, or is shared, is left alone (valid_vma).
  'not-in-other-mappings': async (t) => {
    const file = await program(t, 1)
    const mappings = [
      await t.mmap(1, { file, shared: true, protection: 'rx' }),
      await t.mmap(1, { file, protection: 'rw' }),
    ]
    const watches = []
    for (const range of mappings) {
      await t.peek(range, 0)
      watches.push(await t.watch(range))
    }
    const uprobe = await file.uprobe(OFFSET)
    for (const range of mappings) equal(await instruction(t, range), NOP)
    await uprobe.close()
    for (const watch of watches) {
      equal(await watch.seen(), [])
      equal(await watch.snapshot(), ['read'])
    }
  },

  // What the process has written stays, so the page does, too.
  'in-a-page-that-was-changed': async (t) => {
    const file = await program(t, 1)
    const range = await t.mmap(1, { file, protection: 'rw' })
    await t.poke(range, 0, 7)
    await t.space.mprotect(range, 'rx')
    const uprobe = await file.uprobe(OFFSET)
    equal([await t.peek(range, 0), await instruction(t, range)], [7, BREAKPOINT])
    const watch = await t.watch(range)
    await uprobe.close()
    equal(await watch.seen(), ['clear 0'])
    equal(await watch.snapshot(), ['read'])
    equal([await t.peek(range, 0), await instruction(t, range)], [7, NOP])
  },

  'dropped-with-its-page': async (t) => {
    const file = await program(t, 1)
    const range = await t.mmap(1, { file, protection: 'rx' })
    const uprobe = await file.uprobe(OFFSET)
    await t.space.madvise(range, 'dontneed')
    equal(await instruction(t, range), NOP, 'the page of the file')
    const watch = await t.watch(range)
    await uprobe.close()
    equal(await watch.seen(), [])
    equal(await watch.snapshot(), ['read'])
  },

  'in-a-mapping-that-comes-later': async (t) => {
    const file = await program(t, 1)
    const uprobe = await file.uprobe(OFFSET)
    const range = await t.mmap(1, { file, protection: 'rx' })
    equal(await instruction(t, range), BREAKPOINT)
    await uprobe.close()
    equal(await instruction(t, range), NOP)
  },

  'of-a-child': needing(['space.fork'], async (t) => {
    const file = await program(t, 1)
    const range = await t.mmap(1, { file, protection: 'rx' })
    const uprobe = await file.uprobe(OFFSET)
    const child = await t.fork()
    const both = [await t.watch(range), await t.watch(range, { space: child })]
    equal(await instruction(t, range, child), BREAKPOINT)
    await uprobe.close()
    for (const watch of both) {
      equal(await watch.seen(), ['clear 0'])
      equal(await watch.snapshot(), ['read'])
    }
    equal([await instruction(t, range), await instruction(t, range, child)], [NOP, NOP])
  }),

  'two-at-once': async (t) => {
    const file = await program(t, 1)
    const range = await t.mmap(1, { file, protection: 'rx' })
    const first = await file.uprobe(OFFSET)
    const second = await file.uprobe(0)
    equal([await t.peek(range, 0), await instruction(t, range)], [BREAKPOINT, BREAKPOINT])
    const watch = await t.watch(range)
    await first.close()
    equal(await watch.seen(), ['clear 0'])
    equal(await watch.snapshot(), ['read'], 'the page with the other one')
    equal([await t.peek(range, 0), await instruction(t, range)], [BREAKPOINT, NOP])
    await watch.forget()
    await second.close()
    equal(await watch.seen(), ['clear 0'])
    equal(await t.peek(range, 0), NOP)
  },

  'revokes-a-device': needing(['dma.mirror', 'engine'], async (t) => {
    const file = await program(t, 1)
    const range = await t.mmap(1, { file, protection: 'rx' })
    const watch = await t.watch(range)
    const before = await watch.map('read')
    equal(await before.peek(0), NOP)
    const uprobe = await file.uprobe(0)
    await t.refused(before.peek(0), 'a device read')
    const during = await watch.map('read')
    equal(await during.peek(0), BREAKPOINT)
    await uprobe.close()
    await t.refused(during.peek(0), 'a device read')
    equal(await (await watch.map('read')).peek(0), NOP)
  }),

  'beyond-the-end': async (t) => {
    const file = await program(t, 1)
    await rejects('EINVAL', file.uprobe(t.pageSize + 1), 'a breakpoint beyond the end')
  },
})
