// The parts settings pages are made of: a title with its promise, sections, sentences.
import { Check, Copy } from 'lucide-react'
import { type ReactNode, useState } from 'react'
import { useTranslation } from '@/i18n'
import { Button } from '@/ui/Button'

export function Page({ title, about, action, children }: { title: string; about: string; action?: ReactNode; children: ReactNode }) {
  return (
    <div className="mx-auto max-w-3xl px-4 pt-6 pb-28 sm:px-8">
      <header className="mb-6 flex flex-wrap items-start gap-x-6 gap-y-3">
        <div className="min-w-52 flex-1">
          <h2 className="text-xl font-semibold tracking-tight">{title}</h2>
          <p className="mt-1 text-sm text-ink-2">{about}</p>
        </div>
        {action}
      </header>
      {children}
    </div>
  )
}

export function Section({ title, about, children }: { title: string; about?: string; children: ReactNode }) {
  return (
    <section className="border-t py-6" aria-label={title}>
      <h3 className="text-base font-semibold">{title}</h3>
      {about && <p className="mt-0.5 text-sm text-ink-2">{about}</p>}
      <div className="mt-4 flex flex-col gap-4">{children}</div>
    </section>
  )
}

/** A setting that reads like a sentence; its inputs stand where the words would. */
export function Sentence({ children }: { children: ReactNode }) {
  return <p className="text-base leading-10 [&_:is(input,select)]:mx-1 [&_:is(input,select)]:inline-block [&_:is(input,select)]:w-auto [&_:is(input,select)]:first:ms-0">{children}</p>
}

/** Something to take elsewhere: shown in full, copied with one click. */
export function CopyText({ text, label, block }: { text: string; label: string; block?: boolean }) {
  const { t } = useTranslation()
  const [copied, setCopied] = useState(false)
  const copy = async () => {
    await navigator.clipboard.writeText(text)
    setCopied(true)
    setTimeout(() => setCopied(false), 2_000)
  }
  return (
    <div className={block ? 'rounded border bg-sunken' : 'flex items-center gap-2 rounded border bg-sunken ps-3'}>
      {block ? (
        // Scrolls on its own, so the keyboard must reach it.
        // eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex
        <pre dir="ltr" tabIndex={0} aria-label={label} className="scroll-thin overflow-x-auto p-3 font-mono text-xs leading-5">
          {text}
        </pre>
      ) : (
        <code dir="ltr" aria-label={label} className="min-w-0 flex-1 font-mono text-xs break-all">
          {text}
        </code>
      )}
      <div className={block ? 'flex justify-end border-t p-1' : ''}>
        <Button kind="quiet" size="sm" className="m-1" icon={copied ? <Check className="size-3.5" /> : <Copy className="size-3.5" />} onClick={() => void copy()}>
          {copied ? t('common.copied') : t('common.copy')}
        </Button>
      </div>
    </div>
  )
}

export function AdminsOnly() {
  const { t } = useTranslation()
  return <p className="mb-4 rounded border bg-sunken px-3 py-2 text-sm text-ink-2">{t('settings.admins_only')}</p>
}
