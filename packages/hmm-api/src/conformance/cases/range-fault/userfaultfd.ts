import { equal, rejects } from '../../harness/check.js'
import { caseGroup, needing } from '../../harness/case.js'
import { pageOf, Server } from '../../harness/serve.js'

export const description = `
A range fault of a page that a userfaultfd serves drops the mmap lock and waits, as a CPU access does
(hmm_range_fault_unlocked_timeout); before Linux 7.3 it cannot, and fails (VM_FAULT_SIGBUS). A snapshot
never waits. Its deadline is for each page: a page that was served is progress.`

const missing = { missing: true } as const

export const group = caseGroup('range-fault/userfaultfd', ['mirror', 'space.userfaultfd'], {
  'snapshot-does-not-wait': async (t) => {
    const range = await t.mmap(2)
    await Server.open(t, range, missing)
    equal(await (await t.watch(range)).snapshot(), ['none', 'none'])
  },

  'marked-and-not-there': async (t) => {
    const range = await t.mmap(1)
    const server = await Server.open(t, range, { writeProtect: true })
    await server.userfaultfd.writeProtect(range)
    const watch = await t.watch(range)
    equal(await watch.snapshot(), ['none'])
    equal(await watch.fault('read'), ['read'])
  },

  'read-waits': needing(['mirror.userfaultfd'], async (t) => {
    const range = await t.mmap(2)
    const server = await Server.open(t, range, missing)
    const watch = await t.watch(range)
    const fault = watch.fault('read', range.page(1))
    equal(await server.nextIn(range), 'missing read 1')
    await server.userfaultfd.copy(range.page(1), pageOf(t, 7))
    equal(await fault, ['write'])
    equal(await watch.seen(), [], 'what it invalidates')
    equal(await t.peek(range, 1), 7)
  }),

  'one-page-after-the-other': needing(['mirror.userfaultfd'], async (t) => {
    const range = await t.mmap(3)
    const server = await Server.open(t, range, missing)
    const served = server.fill(t, range, 4)
    const watch = await t.watch(range)
    equal(await watch.fault('write'), ['write', 'write', 'write'])
    equal(await t.contents(range), [4, 5, 6])
    await server.userfaultfd.close()
    await served
  }),

  'zero-page-then-write': needing(['mirror.userfaultfd'], async (t) => {
    const range = await t.mmap(1)
    const server = await Server.open(t, range, missing)
    const watch = await t.watch(range)
    const fault = watch.fault('write')
    equal(await server.nextIn(range), 'missing write 0')
    await server.userfaultfd.zeropage(range)
    equal(await fault, ['write'])
    equal(await t.peek(range, 0), 0)
  }),

  'write-to-what-is-protected': needing(['mirror.userfaultfd'], async (t) => {
    const range = await t.mmap(1)
    await t.poke(range, 0, 5)
    const server = await Server.open(t, range, { writeProtect: true })
    await server.userfaultfd.writeProtect(range)
    const watch = await t.watch(range)
    equal(await watch.fault('read'), ['read'])
    const fault = watch.fault('write')
    equal(await server.nextIn(range), 'write-protect write 0')
    await server.userfaultfd.writeProtect(range, { on: false })
    equal(await fault, ['write'])
    equal(await t.peek(range, 0), 5)
  }),

  'closed-while-it-waits': needing(['mirror.userfaultfd'], async (t) => {
    const range = await t.mmap(1)
    const server = await Server.open(t, range, missing)
    const watch = await t.watch(range)
    const fault = watch.fault('read')
    await server.next()
    await server.userfaultfd.close()
    equal(await fault, ['read'])
  }),

  'aborted-while-it-waits': needing(['mirror.userfaultfd'], async (t) => {
    const range = await t.mmap(1)
    const server = await Server.open(t, range, missing)
    const watch = await t.watch(range)
    const abort = new AbortController()
    const fault = watch.fault({ request: 'read', signal: abort.signal })
    await server.next()
    abort.abort()
    await rejects('EINTR', fault)
    await server.userfaultfd.close()
    equal(await watch.fault('read'), ['read'], 'another fault')
  }),

  'nobody-serves': needing(['mirror.userfaultfd'], async (t) => {
    const range = await t.mmap(1)
    const server = await Server.open(t, range, missing)
    const watch = await t.watch(range)
    await rejects('EBUSY', watch.fault({ request: 'read', deadlineMs: 20 }))
    await server.userfaultfd.close()
  }),

  // The whole takes longer than the deadline; no page does, on a busy machine either.
  'served-pages-are-progress': needing(['mirror.userfaultfd'], async (t) => {
    const range = await t.mmap(4)
    const server = await Server.open(t, range, missing)
    const watch = await t.watch(range)
    const serve = async (): Promise<void> => {
      for (let index = 0; index < range.pages; index++) {
        const { page } = await server.next()
        await t.backend.clock.sleep(2100)
        await server.userfaultfd.copy(page, pageOf(t, index))
      }
    }
    const fault = watch.fault({ request: 'read', deadlineMs: 8000 })
    const [rights] = await Promise.all([fault, serve()])
    equal(rights, ['write', 'write', 'write', 'write'])
  }),

  'mapped-for-a-device': needing(['mirror.userfaultfd', 'dma.mirror', 'engine'], async (t) => {
    const range = await t.mmap(2)
    const server = await Server.open(t, range, missing)
    const served = server.fill(t, range, 8)
    const watch = await t.watch(range)
    const device = await watch.map('write')
    equal([await device.peek(0), await device.peek(1)], [8, 9])
    await server.userfaultfd.close()
    await served
  }),

  'cannot-wait': needing(['!mirror.userfaultfd'], async (t) => {
    const range = await t.mmap(1)
    await Server.open(t, range, missing)
    await rejects('EFAULT', (await t.watch(range)).fault('read'))
  }),

  // It faults the page with the mmap lock held, on every kernel.
  'exclusive-cannot-wait': needing(['exclusive'], async (t) => {
    const range = await t.mmap(1)
    await Server.open(t, range, missing)
    await rejects('EFAULT', (await t.watch(range)).exclusive())
  }),

  'hugetlb-waits': needing(['mirror.userfaultfd', 'space.hugetlb'], async (t) => {
    const pages = (2 * 2 ** 20) / t.pageSize
    const range = await t.mmap(pages, { hugetlb: '2M' })
    const server = await Server.open(t, range, missing)
    const watch = await t.watch(range)
    const fault = watch.fault('read', range.page(3))
    await server.next()
    await server.userfaultfd.copy(range, pageOf(t, 0, pages))
    equal(await fault, ['write'])
    equal(await t.peek(range, 3), 3)
  }),
})
