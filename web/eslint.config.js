// Lint rules: TypeScript's and React's own, accessibility, and no physical directions (right-to-left must mirror).
import jsxA11y from 'eslint-plugin-jsx-a11y'
import hooks from 'eslint-plugin-react-hooks'
import ts from 'typescript-eslint'

const PHYSICAL =
  '/(^|[\\s:!])-?((m|p)[lr]|left|right|border-[lr]|rounded-(l|r|tl|tr|bl|br)|text-(left|right)|float-(left|right)|scroll-(m|p)[lr])-?(?=[\\s\\d\\[]|$)/'

export default ts.config(
  { ignores: ['dist', 'node_modules', 'e2e/shots', 'src/api/schema.ts'] },
  ...ts.configs.recommended,
  {
    files: ['src/**/*.{ts,tsx}'],
    ...jsxA11y.flatConfigs.recommended,
  },
  {
    files: ['src/**/*.{ts,tsx}'],
    plugins: { 'react-hooks': hooks },
    rules: {
      ...hooks.configs['recommended-latest']?.rules,
      'react-hooks/rules-of-hooks': 'error',
      'react-hooks/exhaustive-deps': 'error',
      '@typescript-eslint/no-explicit-any': 'error',
      'no-console': 'error',
      'no-restricted-syntax': [
        'error',
        {
          selector: `JSXAttribute[name.name='className'] Literal[value=${PHYSICAL}]`,
          message: 'Logical directions only: ms-/me-, ps-/pe-, start-/end-, border-s/e, text-start/end.',
        },
      ],
      // Focus is placed where the person expects it: a dialog's first field, the composer after "reply".
      'jsx-a11y/no-autofocus': 'off',
    },
  },
  { files: ['**/*.mjs', '*.config.*'], languageOptions: { globals: { process: 'readonly', console: 'readonly', URL: 'readonly' } } },
)
