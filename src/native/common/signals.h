/* Default dispositions and an empty mask, for a program that is about to become another one. */
#ifndef SW_SIGNALS_H
#define SW_SIGNALS_H

void sw_signals_reset(void);

#endif
