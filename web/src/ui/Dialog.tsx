// A question or a form over the page. Focus goes in, stays in, and comes back.
import { X } from 'lucide-react'
import { Dialog as Radix } from 'radix-ui'
import type { ReactNode } from 'react'
import { useTranslation } from '@/i18n'
import { Button, IconButton } from './Button'
import { cx } from './cx'

interface DialogProps {
  open: boolean
  onClose: () => void
  title: string
  description?: ReactNode
  children?: ReactNode
  wide?: boolean
}

export function Dialog({ open, onClose, title, description, children, wide }: DialogProps) {
  const { t } = useTranslation()
  return (
    <Radix.Root open={open} onOpenChange={(next) => !next && onClose()}>
      <Radix.Portal>
        <Radix.Overlay className="fixed inset-0 z-40 bg-(--scrim)" />
        <Radix.Content
          {...(description ? {} : { 'aria-describedby': undefined })}
          // Where nothing inside asks for the focus, the dialog has it: not its way out.
          onOpenAutoFocus={(event) => {
            event.preventDefault()
            ;(event.currentTarget as HTMLElement | null)?.focus()
          }}
          // An open list within it is closed first.
          onEscapeKeyDown={(event) => {
            if ((event.target as Element).matches('[role=combobox][aria-expanded=true]')) event.preventDefault()
          }}
          className={cx(
            // Focused itself only when what had the focus is gone: no ring around all of it.
            'appear fixed inset-x-4 top-[12vh] z-50 mx-auto max-h-[80vh] overflow-y-auto rounded bg-raised p-5 shadow-float outline-none focus-visible:outline-none',
            wide ? 'max-w-2xl' : 'max-w-md',
          )}
        >
          <div className="mb-4 flex items-start gap-4">
            <div className="min-w-0 flex-1">
              <Radix.Title className="text-lg font-semibold">{title}</Radix.Title>
              {description && <Radix.Description className="mt-1 text-sm text-ink-2">{description}</Radix.Description>}
            </div>
            <Radix.Close asChild>
              <IconButton label={t('common.close')} icon={<X className="size-4" />} className="-m-1.5" />
            </Radix.Close>
          </div>
          {children}
        </Radix.Content>
      </Radix.Portal>
    </Radix.Root>
  )
}

interface ConfirmProps {
  open: boolean
  onClose: () => void
  onConfirm: () => void
  title: string
  description: string
  confirm: string
}

/** For what cannot be taken back. The way out has the focus. */
export function Confirm({ open, onClose, onConfirm, title, description, confirm }: ConfirmProps) {
  const { t } = useTranslation()
  return (
    <Dialog open={open} onClose={onClose} title={title} description={description}>
      <div className="flex justify-end gap-2">
        <Button autoFocus onClick={onClose}>
          {t('common.cancel')}
        </Button>
        <Button
          kind="danger"
          onClick={() => {
            onConfirm()
            onClose()
          }}
        >
          {confirm}
        </Button>
      </div>
    </Dialog>
  )
}
