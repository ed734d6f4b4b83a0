mkdir project && cd project
printf '#ifndef ALL_H\n#define ALL_H\n' >all.h
for i in $(seq 40); do
	echo "int f$i(int n);" >>all.h
	cat >"f$i.c" <<SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "all.h"
int f$i(int n) { char text[32]; snprintf(text, sizeof text, "%d", n); return atoi(text) + (int)strlen(text) * $i; }
SOURCE
done
echo '#endif' >>all.h
{
	printf '#include <stdio.h>\n#include "all.h"\nint main(void) {\n\tint n = 0;\n'
	for i in $(seq 40); do printf '\tn = f%d(n);\n' "$i"; done
	printf '\tprintf("%%d\\n", n);\n\treturn 0;\n}\n'
} >main.c
cat >Makefile <<'MAKE'
objects := $(patsubst %.c,%.o,$(sort $(wildcard f*.c)))
CFLAGS = -O1 -MMD
program: main.o lib.a
	$(CC) -o $@ $^
lib.a: $(objects)
	rm -f $@
	$(AR) rcs $@ $^
install: program
	install -D -m 755 program $(DESTDIR)/bin/program
clean:
	rm -f *.o *.d lib.a program
-include $(wildcard *.d)
.PHONY: install clean
MAKE
