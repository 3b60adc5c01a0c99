import { defineConfig } from 'tsup'

/** The build of every package: JavaScript only. Declarations come from `tsc -b`. */
export const library = (entry: string[]) =>
  defineConfig({
    entry,
    outDir: 'dist',
    format: 'esm',
    target: 'es2022',
    // One for all: how class fields are set decides what making an object costs.
    tsconfig: '../../tsconfig.base.json',
    platform: 'neutral',
    external: [/^node:/],
    removeNodeProtocol: false,
    splitting: true,
    sourcemap: true,
    dts: false,
    clean: ['!**/*.d.ts', '!**/*.d.ts.map', '!**/*.tsbuildinfo'],
    silent: true,
    // Puts numbers that are constants where they are used: there they are no loads from the module.
    esbuildOptions: (options) => {
      options.minifySyntax = true
    },
  })
