// Somebody, by the best we know: their name, else their number or address.
import { useTranslation } from '@/i18n'
import { Address } from './Address'

export function Who({ name, address }: { name: string | null | undefined; address: string | null | undefined }) {
  const { t } = useTranslation()
  if (name) return <bdi>{name}</bdi>
  return address ? <Address>{address}</Address> : t('contact.unknown')
}
