// The frame of what is sent from a dialog: fields, the card as it will look, and the way out.
import { SendHorizontal } from 'lucide-react'
import type { ReactNode } from 'react'
import { useTranslation } from '@/i18n'
import { Button } from '@/ui/Button'
import { Dialog } from '@/ui/Dialog'
import { type Card, CardView } from './MessageParts'

interface Props {
  title: string
  about: string
  card: Card | null
  /** In the place of the card, until there is one. */
  nothing: string
  children: ReactNode
  onClose: () => void
  onSend: () => void
}

export function SendDialog({ title, about, card, nothing, children, onClose, onSend }: Props) {
  const { t } = useTranslation()
  return (
    <Dialog open onClose={onClose} title={title} description={about}>
      <form
        noValidate
        className="flex flex-col gap-4"
        onSubmit={(event) => {
          event.preventDefault()
          if (card) onSend()
        }}
      >
        {children}
        <section aria-label={t('send.preview')} className="rounded bg-sunken p-3" data-testid="preview">
          <h3 className="mb-2 text-xs text-ink-3">{t('send.preview')}</h3>
          {card ? (
            <div className="ms-auto w-fit max-w-full rounded bg-bubble-out px-3 py-1.5">
              <CardView card={card} />
            </div>
          ) : (
            <p className="flex min-h-14 items-center justify-center text-center text-sm text-balance text-ink-3">{nothing}</p>
          )}
        </section>
        <div className="flex justify-end gap-2">
          <Button onClick={onClose}>{t('common.cancel')}</Button>
          <Button kind="primary" type="submit" disabled={!card} icon={<SendHorizontal className="mirror-rtl size-4" />}>
            {t('composer.send')}
          </Button>
        </div>
      </form>
    </Dialog>
  )
}
