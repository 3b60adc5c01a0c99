import { expect, test } from 'vitest'
import { compilerWarnings } from './compiler-warnings.mjs'

test('warnings of our files count, those of kernel headers and remarks of the build do not', () => {
  const ours = [
    'hmm_sdk.c:15:5: warning: no previous prototype for ‘f’ [-Wmissing-prototypes]',
    '/build/module/mirror.c:14:42: warning: incorrect type in return expression (different address spaces)',
    '../uapi/hmm_sdk.h:3:1: error: bad constant expression',
    'WARNING: modpost: missing MODULE_DESCRIPTION() in hmm_sdk.o',
    'hmm_sdk.o: warning: objtool: f+0x12: unreachable instruction',
  ]
  const output = [
    'make[1]: Entering directory',
    'warning: the compiler differs from the one used to build the kernel',
    '/usr/src/linux-headers-7.3.4+deb13-common/include/linux/mm.h:9:9: warning: unused parameter',
    './include/linux/mm.h:9:9: warning: unused parameter',
    '  CC [M]  hmm_sdk.o',
    ...ours,
    '   15 | int f(void) {}',
  ]
  expect(compilerWarnings(output.join('\n'))).toEqual(ours)
})
