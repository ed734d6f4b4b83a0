package compiler
import ("testing";"github.com/stead-project/stead/arch")
func TestZZ(t *testing.T){
 for _,l:=range []string{networkCalls,fileCalls,"@network-io","@ipc","%ipc"} { s:=selectCalls(l); t.Log(l,s) }
 p:=compiled(t,"default: allow\nrules:\n  - calls: [connect]\n    then: deny\n  - calls: ['%network']\n    then: allow\n",both)
 t.Log(p.Lists.ABIs[1].Calls)
 sc,_:=arch.I386.Number("socketcall")
 t.Log("socketcall(connect):", p.Lists.Decide(arch.Data{ABI:arch.I386,Nr:sc,Args:[6]uint64{3,0x1000}}))
 p=compiled(t,"default: allow\nnetwork: {connect: ['*:443']}\n",Options{ABIs:both.ABIs,Landlock:7})
 for _,w:=range p.Warnings {t.Log(w)}
 t.Log("socketcall(socket):", p.Lists.Decide(arch.Data{ABI:arch.I386,Nr:sc,Args:[6]uint64{1,0x1000}}))
 p=compiled(t,"default: allow\nrules:\n  - calls: [mmap]\n    when: prot.has('PROT_EXEC')\n    then: deny\n",both)
 mm,_:=arch.I386.Number("mmap")
 t.Log("i386 old mmap:", p.Lists.Decide(arch.Data{ABI:arch.I386,Nr:mm,Args:[6]uint64{0x1000}}))
 p=compiled(t,"default: {deny: EPERM}\nfiles: {read: [/usr]}\n",both)
 mf,_:=arch.X86_64.Number("memfd_create")
 t.Log("memfd:", p.Lists.Decide(arch.Data{ABI:arch.X86_64,Nr:mf,Args:[6]uint64{0x1000,8}}))
 for _,w:=range p.Warnings {t.Log(w)}
 p,err:=Compile(load(t,"default: {deny: EPERM}\nfiles: {read: [/usr]}\nrules:\n  - calls: [openat]\n    when: pathname.under('/usr/secret')\n    then: deny\n"),both)
 t.Log("deny inside allow:",err)
 _,err=Compile(load(t,"default: {deny: EPERM}\nrules:\n  - calls: [openat]\n    when: caller.cwd.under('/usr/secret')\n    then: allow\n"),both)
 t.Log("cwd:",err)
 p=compiled(t,"default: log\n",both)
 t.Log("notifies",p.Notifies)
}
