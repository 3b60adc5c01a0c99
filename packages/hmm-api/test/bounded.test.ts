import { openBackend } from '@hmm-sdk/hmm-api'
import { createBackend } from '@hmm-sdk/backend-sim'
import { expect, test } from 'vitest'
import { Context } from '../src/objects/context.js'
import { bounded } from '../src/sync/bounded.js'
import { rawOf } from '../src/raw/index.js'

test('every waiting call of a process takes a signal, and is refused when it has aborted', async () => {
  const backend = await openBackend({ backend: createBackend, config: false })
  const space = await backend.createAddressSpace()
  const range = await space.mmap({ pages: 2 })
  const wait = { signal: AbortSignal.abort(new Error('enough')) }
  const calls: Record<string, () => Promise<unknown>> = {
    createAddressSpace: () => backend.createAddressSpace(wait),
    openDevice: () => backend.openDevice('demo', wait),
    mmap: () => space.mmap({ pages: 1, ...wait }),
    munmap: () => space.munmap(range, wait),
    mprotect: () => space.mprotect(range, 'r', wait),
    mremap: () => space.mremap(range, { pages: 4, ...wait }),
    madvise: () => space.madvise(range, 'dontneed', wait),
    createFile: () => space.createFile({ pages: 1, ...wait }),
    fork: () => space.fork(wait),
    read: () => space.read(range.start, 1, wait),
    write: () => space.write(range.start, new Uint8Array(1), wait),
    fetchAdd: () => space.fetchAdd(range.start, 1, wait),
    compareExchange: () => space.compareExchange(range.start, 0, 1, wait),
    exec: () => space.exec(wait),
    exit: () => space.exit(0, wait),
    kill: () => space.kill(wait),
  }
  for (const [name, call] of Object.entries(calls)) {
    await expect(call(), name).rejects.toMatchObject({ code: 'EINTR' })
  }
  // Nothing of all that was begun: the process lives, and its memory is as it was.
  expect([...(await space.read(range.start, 1))]).toEqual([0])
  await space.close()
  await backend.close()
  expect(backend.report().leaks).toEqual([])
})

test('a call that is given up discards what it makes later', async () => {
  const backend = await openBackend({ backend: createBackend, config: false })
  const context = new Context(rawOf(backend))
  const discarded: string[] = []
  const slow = async (): Promise<string> => {
    await backend.clock.sleep(50)
    return 'late'
  }
  const discard = (late: string): void => void discarded.push(late)
  await expect(
    bounded(context, 'op', undefined, { deadlineMs: 10 }, slow, discard),
  ).rejects.toMatchObject({ code: 'ETIMEDOUT', op: 'op' })
  await backend.clock.sleep(100)
  expect(discarded).toEqual(['late'])
  expect(await bounded(context, 'op', undefined, { deadlineMs: 1000 }, slow, discard)).toBe('late')
  expect(discarded).toEqual(['late'])
  await backend.close()
})
