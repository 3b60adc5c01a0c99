import { expect, test } from 'vitest'
import { leakReport } from './leak-report.mjs'
import { scanKernelLog } from './splat.mjs'

const REPORT = `unreferenced object 0xffff888005a3c000 (size 192):
  comm "node", pid 301, jiffies 4294950000
  hex dump (first 32 bytes):
    00 00 00 00 00 00 00 00 ad 4e ad de ff ff ff ff  .........N......
  backtrace (crc 7e1f0f2c):
    __kmalloc_cache_noprof+0x2d4/0x360
    0xffffffffa0001042
    0xffffffffa0002fd9
    do_syscall_64+0x6d/0x380
`
const SYMBOLS = `ffffffffa0002000 t hs_ioctl\t[hmm_sdk]
ffffffffa0001000 t hs_space_create\t[hmm_sdk]
ffffffffa0001800 b hs_state\t[hmm_sdk]
`

test('nothing found', () => {
  expect(leakReport(undefined, SYMBOLS)).toBeUndefined()
  expect(leakReport('\n', SYMBOLS)).toBeUndefined()
})

test('addresses of the unloaded module get their names back, others stay', () => {
  const text = leakReport(REPORT, SYMBOLS)
  expect(text).toContain('    hs_space_create+0x42 [hmm_sdk]\n')
  expect(text).toContain('    0xffffffffa0002fd9\n')
  expect(text).toContain('object 0xffff888005a3c000 (size')
})

test('each leak is a splat', () => {
  const two = `[    9.1] hmm-vm: looking\n${REPORT}${REPORT.replace('object 0x', 'object (percpu) 0x')}`
  expect(scanKernelLog(two).splats.map((splat) => splat.kind)).toEqual(['kmemleak', 'kmemleak'])
})
