for package in one two three; do
	mkdir -p "lib/$package/inner"
	for i in $(seq 10); do
		cat >"lib/$package/m$i.py" <<SOURCE
"""Module $i."""
import os
from dataclasses import dataclass

@dataclass
class Value$i:
    number: int = $i
    def total(self, *others):
        return sum((o.number for o in others), self.number)

def names(path):
    return sorted(n for n in os.listdir(path) if n.endswith("$i.py"))
SOURCE
	done
	echo "from . import m1, m2" >"lib/$package/__init__.py"
	echo "def broken(" >"lib/$package/inner/broken.py"
done
touch -d 2012-12-12Z lib/one/m1.py
