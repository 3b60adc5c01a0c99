import { HmmError } from '@hmm-sdk/hmm-api'
import type { Operation } from '../sim/operation.js'
import { expandStack } from './expand-stack.js'
import { FAULT_DONE, FAULT_OOM, FAULT_USERFAULT } from './fault-code.js'
import type { MemoryMap } from './memory-map.js'
import { PTE_FRAME, PTE_PRESENT, PTE_PROTNONE, PTE_WRITE, PTE_WRITTEN, PTE_YOUNG } from './pte.js'
import { resolveFault } from './resolve-fault.js'
import { waitUserfault } from './userfaultfd.js'
import { VM_ACCESS, VM_WRITE } from './vma.js'

/** CPU read of `length` bytes from byte `offset` of `page`. */
export function* cpuRead(
  mm: MemoryMap,
  page: number,
  offset: number,
  length: number,
): Operation<Uint8Array> {
  const { frames, pageSize } = mm.machine
  const bytes = new Uint8Array(length)
  yield* mm.lock.read()
  try {
    for (let at = 0; at < length;) {
      const position = offset + at
      const inPage = position % pageSize
      const count = Math.min(pageSize - inPage, length - at)
      const touched = page + Math.floor(position / pageSize)
      const frame = yield* touch(mm, touched, false)
      frames.read(frame, inPage, bytes, at, count)
      mm.updates?.read(touched, inPage, bytes.subarray(at, at + count))
      at += count
    }
    return bytes
  } finally {
    mm.lock.releaseRead()
  }
}

/** CPU write; what was written before a failing page stays. */
export function* cpuWrite(
  mm: MemoryMap,
  page: number,
  offset: number,
  bytes: Uint8Array,
): Operation<void> {
  const { frames, pageSize } = mm.machine
  yield* mm.lock.read()
  try {
    for (let at = 0; at < bytes.length;) {
      const position = offset + at
      const inPage = position % pageSize
      const count = Math.min(pageSize - inPage, bytes.length - at)
      const touched = page + Math.floor(position / pageSize)
      const frame = yield* touch(mm, touched, true)
      const part = bytes.subarray(at, at + count)
      mm.updates?.written(touched, inPage, part)
      frames.write(frame, inPage, part)
      at += count
    }
  } finally {
    mm.lock.releaseRead()
  }
}

/** Changes an aligned 32-bit word in one step; the value before. */
export function* cpuAtomic(
  mm: MemoryMap,
  page: number,
  offset: number,
  change: (before: number) => number,
): Operation<number> {
  const { frames, pageSize } = mm.machine
  yield* mm.lock.read()
  try {
    const touched = page + Math.floor(offset / pageSize)
    const inPage = offset % pageSize
    const frame = yield* touch(mm, touched, true)
    const bytes = frames.writable(frame)
    const view = new DataView(bytes.buffer, bytes.byteOffset)
    const word = bytes.subarray(inPage, inPage + 4)
    const before = view.getUint32(inPage, true)
    mm.updates?.read(touched, inPage, word)
    view.setUint32(inPage, change(before), true)
    mm.updates?.written(touched, inPage, word)
    return before
  } finally {
    mm.lock.releaseRead()
  }
}

/** Frame behind `page` after all faults that the access needs; EFAULT for SIGSEGV and SIGBUS. */
function* touch(mm: MemoryMap, page: number, write: boolean): Operation<number> {
  const { tables, machine } = mm
  for (;;) {
    let vma = mm.vmas.find(page)
    if (vma === undefined && (yield* expandStack(mm, page))) vma = mm.vmas.find(page)
    // A page that may be written or executed can be read on common CPUs.
    const right = write ? VM_WRITE : VM_ACCESS
    if (vma === undefined || (vma.flags & right) === 0) {
      throw signal('SIGSEGV', page, vma === undefined ? 'is not mapped' : 'lacks the right')
    }
    const pte = tables.get(page)
    const need = write ? PTE_PRESENT | PTE_WRITE : PTE_PRESENT
    if (((pte & need) | 0) === (need | 0) && (pte & PTE_PROTNONE) === 0) {
      const touched = write ? pte | PTE_YOUNG | PTE_WRITTEN : pte | PTE_YOUNG
      if (touched !== pte) tables.set(page, touched)
      return pte & PTE_FRAME
    }
    const { scheduler } = machine
    if (scheduler.stopsAt('fault', mm)) yield scheduler.stop
    scheduler.charge(machine.costs.fault)
    const code = yield* resolveFault(mm, vma, page, write)
    if (code === FAULT_USERFAULT) {
      yield* waitUserfault(mm, vma, page, write)
      continue
    }
    if (code === FAULT_OOM) throw new HmmError('ENOMEM', { message: 'the machine has no memory' })
    if (code !== FAULT_DONE) throw signal('SIGBUS', page, 'has no memory behind it')
  }
}

function signal(name: string, page: number, why: string): HmmError {
  return new HmmError('EFAULT', {
    message: `${name}: page 0x${page.toString(16)} of the process ${why}`,
    hint: 'The process would get the signal; here the access fails and the process lives on.',
  })
}
