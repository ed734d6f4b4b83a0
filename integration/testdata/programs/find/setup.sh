. "$(dirname "$0")/../tree.sh"
tree tree
touch -d '2015-01-01Z' reference
touch -d '2016-01-01Z' tree/plain/file[56]
touch -d '2014-01-01Z' tree/plain/file[78]
