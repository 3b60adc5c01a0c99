import { spawnSync } from 'node:child_process'
import {
  closeSync,
  constants,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  writeSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'
import { describe, expect, it } from 'vitest'
import { BASELINE, glibcVersions, prebuilt, sourceStamp } from '../addon/build.mjs'
import { Native, prebuiltAddon } from '../src/native.js'
import { canBuild } from './build-agent.js'

const ENOTTY = 25
const EBADF = 9
const EFAULT = 14
const EINTR = 4
const FIONREAD = 0x541b
/** _IOWR with a struct of 4096 bytes. */
const LARGE = ((3 << 30) | (4096 << 16) | (0xe8 << 8)) >>> 0

const here = process.platform === 'linux' && process.arch === 'x64'

it('the prebuilt addon is that of the sources (else: node addon/build.mjs)', () => {
  expect(readFileSync(`${prebuilt}.stamp`, 'utf8').trim()).toBe(sourceStamp())
  expect(prebuiltAddon()).toBe(prebuilt)
})

it('the prebuilt addon asks for no newer glibc than Node 20 does', () => {
  const [[major, minor] = []] = glibcVersions(prebuilt)
  expect(major).toBe(BASELINE[0])
  expect(minor).toBeLessThanOrEqual(BASELINE[1] as number)
})

describe.runIf(here)('addon (linux-x64)', () => {
  const native = Native.load()

  it('returns -errno of ioctls', async () => {
    const fd = openSync('/dev/null', constants.O_RDWR)
    const memory = native.acquire(4096)
    expect(native.ioctl(fd, FIONREAD, memory)).toBe(-ENOTTY)
    expect(native.ioctl(9999, FIONREAD, memory)).toBe(-EBADF)
    expect(native.ioctl(fd, LARGE, memory, 8)).toBe(-EFAULT)
    expect(await native.ioctlAsync(fd, FIONREAD, memory).result).toBe(-ENOTTY)
    expect(await native.ioctlAsync(fd, LARGE, memory, 8).result).toBe(-EFAULT)
    closeSync(fd)
    native.recycle(memory)
  })

  it('prepares an ioctl that is done often', () => {
    const [read, write] = pipe()
    const memory = native.allocate(64)
    const run = native.prepare(read, FIONREAD, memory)
    expect(native.prepare(9999, FIONREAD, memory)()).toBe(-EBADF)
    expect(() => native.prepare(read, LARGE, memory)).toThrow('EFAULT')
    writeSync(write, 'abc')
    expect(run()).toBe(0)
    expect(new DataView(memory.buffer).getInt32(0, true)).toBe(3)
    // The function keeps what it needs.
    native.release(memory)
    expect(run()).toBe(0)
    closeSync(read)
    closeSync(write)
  })

  it('gives results back in the memory', async () => {
    const [read, write] = pipe()
    writeSync(write, 'abc')
    const memory = native.acquire(64)
    const view = new Uint32Array(memory.buffer)
    view[0] = 99
    expect(native.ioctl(read, FIONREAD, memory)).toBe(0)
    expect(view[0]).toBe(3)
    view[0] = 99
    expect(await native.ioctlAsync(read, FIONREAD, memory).result).toBe(0)
    expect(view[0]).toBe(3)
    expect(native.read(read, memory, 8, 10)).toBe(3)
    expect(Buffer.from(memory.buffer, 8, 3).toString()).toBe('abc')
    native.recycle(memory)
  })

  it('refuses memory that is not there, and wrong arguments, without throwing', () => {
    const memory = native.acquire(64)
    expect(native.ioctl(0, FIONREAD, { ...memory, id: 60000 })).toBe(-EFAULT)
    expect(native.ioctl(0, FIONREAD, { ...memory, id: 2 ** 31 })).toBe(-EFAULT)
    expect(native.ioctl(Number.NaN, FIONREAD, memory)).toBe(-22)
    expect(native.ioctl(0, LARGE, memory, memory.buffer.byteLength + 1)).toBe(-EFAULT)
    native.recycle(memory)
  })

  it('detaches released memory, so that JavaScript cannot touch it', () => {
    const memory = native.acquire(1 << 22)
    const bytes = new Uint8Array(memory.buffer)
    native.release(memory)
    expect(bytes.length).toBe(0)
    expect(native.ioctl(0, FIONREAD, memory)).toBe(-EFAULT)
  })

  it('watches: once until it is armed again', async () => {
    const [read, write] = pipe()
    let reports = 0
    const watch = native.watch(read, () => void (reports += 1))
    const release = native.hold()
    writeSync(write, 'x')
    await until(() => reports === 1)
    writeSync(write, 'y')
    await sleep(20)
    expect(reports).toBe(1)
    watch.rearm()
    await until(() => reports === 2)
    watch.close()
    watch.rearm()
    await sleep(20)
    expect(reports).toBe(2)
    release()
  })

  it('watches eventfds', async () => {
    const fd = native.eventfd()
    expect(fd).toBeGreaterThan(2)
    let reports = 0
    const watch = native.watch(fd, () => void (reports += 1))
    const one = Buffer.alloc(8)
    one.writeBigUInt64LE(1n)
    writeSync(fd, one)
    await until(() => reports === 1)
    watch.close()
    closeSync(fd)
  })

  it.skipIf(!canBuild)('cancels calls that sleep in the kernel, each alone (needs cc)', () => {
    const folder = mkdtempSync(join(tmpdir(), 'hmm-cancel-'))
    const helper = join(folder, 'sleeping-ioctl')
    const file = (name: string): string => fileURLToPath(new URL(name, import.meta.url))
    const built = spawnSync('cc', [file('sleeping-ioctl.c'), '-o', helper], { encoding: 'utf8' })
    expect(built.stderr).toBe('')
    const { status, stdout, stderr } = spawnSync(
      helper,
      ['19', process.execPath, file('cancel.mjs'), prebuiltAddon()],
      { encoding: 'utf8', timeout: 50_000 },
    )
    rmSync(folder, { recursive: true })
    expect(stderr).toBe('')
    expect(status).toBe(0)
    expect(JSON.parse(stdout)).toEqual({
      early: 0,
      one: { 5: -EINTR },
      all: 70,
      other: -ENOTTY,
      bytes: 4096,
    })
  })

  it('does not keep Node alive by a watch, but by a call', () => {
    const script = `
      const addon = require(process.argv[1])
      const { openSync } = require('node:fs')
      addon.attach((id, result) => console.log(id, result), () => undefined)
      addon.watch(1, addon.eventfd())
      const { id } = addon.allocate(4096)
      addon.ioctlAsync(7, openSync('/dev/null', 'r'), ${FIONREAD}, id, 0)`
    const run = spawnSync(process.execPath, ['-e', script, prebuiltAddon()], {
      encoding: 'utf8',
      timeout: 50_000,
    })
    expect(run.stdout).toBe('7 -25\n')
    expect(run.status).toBe(0)
  })

  it('survives workers that end while calls and watches are open', async () => {
    const script = `
      const { workerData, parentPort } = require('node:worker_threads')
      const addon = require(workerData)
      addon.attach(() => undefined, () => undefined)
      addon.watch(1, addon.eventfd())
      for (let i = 0; i < 50; i++) {
        const { id } = addon.allocate(4096)
        addon.ioctlAsync(i, 0, ${FIONREAD}, id, 0)
      }
      parentPort.postMessage('ready')`
    for (let i = 0; i < 5; i++) {
      const worker = new Worker(script, { eval: true, workerData: prebuiltAddon() })
      await new Promise((resolve) => worker.once('message', resolve))
      await worker.terminate()
    }
    const memory = native.acquire(64)
    const fd = openSync('/dev/null', 'r')
    expect(await native.ioctlAsync(fd, FIONREAD, memory).result).toBe(-ENOTTY)
    closeSync(fd)
    native.recycle(memory)
  })
})

function pipe(): [read: number, write: number] {
  // Node has no pipe(2): both ends of a FIFO through /proc.
  const { output } = spawnSync('mktemp', ['-u', '-t', 'hmm-fifo-XXXXXX'], { encoding: 'utf8' })
  const path = (output[1] as string).trim()
  spawnSync('mkfifo', [path])
  const both = openSync(path, constants.O_RDWR | constants.O_NONBLOCK)
  const write = openSync(path, constants.O_WRONLY | constants.O_NONBLOCK)
  spawnSync('rm', [path])
  return [both, write]
}

async function until(condition: () => boolean): Promise<void> {
  for (let i = 0; i < 10_000 && !condition(); i++) await sleep(4)
  expect(condition()).toBe(true)
}
