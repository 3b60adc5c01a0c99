import { defineConfig, type TestProjectInlineConfiguration } from 'vitest/config'

// Workspace packages resolve to their TypeScript sources, so tests never see a stale build. Naming
// conditions replaces Vite's defaults, which are therefore repeated.
const conditions = ['@hmm-sdk/source', 'module', 'node', 'development|production']
const fromSource = { resolve: { conditions }, ssr: { resolve: { conditions } } }

const unit: TestProjectInlineConfiguration = {
  ...fromSource,
  test: {
    name: 'unit',
    include: [
      'packages/*/test/**/*.test.ts',
      'packages/backend-kernel/vm/**/*.test.mjs',
      'scripts/**/*.test.ts',
    ],
    exclude: ['**/*.kernel.test.ts', '**/node_modules/**'],
    testTimeout: 20_000,
  },
}

/** The packages as a user gets them: packed, installed, run from their built JavaScript. */
const packed: TestProjectInlineConfiguration = {
  test: {
    name: 'packed',
    include: ['test/**/*.test.ts'],
    globalSetup: 'test/pack.ts',
    testTimeout: 300_000,
    hookTimeout: 300_000,
  },
}

/** What needs a real kernel with the module loaded: one at a time, there is only one kernel. */
const kernel: TestProjectInlineConfiguration = {
  ...fromSource,
  test: {
    name: 'kernel',
    include: ['packages/*/test/**/*.kernel.test.ts'],
    fileParallelism: false,
    testTimeout: 60_000,
  },
}

export default defineConfig({
  test: {
    // Threads start faster than processes, which tells when there are two cores; use both of them.
    pool: 'threads',
    maxWorkers: '100%',
    projects: process.env['HMM_TEST_ON'] === 'kernel' ? [kernel] : [unit, packed],
  },
})
