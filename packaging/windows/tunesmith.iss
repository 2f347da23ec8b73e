; How Inno Setup 6 makes the Windows installer of the frozen program:
;   py packaging\freeze.py
;   iscc /DVersion=0.1.0 packaging\windows\tunesmith.iss
;
; Never run: no Windows was at hand. A workflow runs it on a hosted runner; what it says first is news.
;
; It installs for this user alone and asks for no administrator. Uninstalling leaves profiles, settings and caches,
; which lie in %LOCALAPPDATA%\tunesmith, and says so.

#ifndef Version
  #error Say which version: iscc /DVersion=0.1.0
#endif
#ifndef Frozen
  #define Frozen "..\..\build\frozen\tunesmith"
#endif
#ifndef Output
  #define Output "..\..\build"
#endif

[Setup]
; Names the installation, from one version to the next: never change it.
AppId={{6E7A4C52-0C0B-4C63-9A0B-3E8D5A1B7F24}
AppName=Tunesmith
AppVersion={#Version}
AppPublisher=The Tunesmith authors
DefaultDirName={autopf}\Tunesmith
DisableProgramGroupPage=yes
LicenseFile={#Frozen}\LICENSE
PrivilegesRequired=lowest
ArchitecturesAllowed=x64compatible
ArchitecturesInstallIn64BitMode=x64compatible
MinVersion=10.0
ChangesAssociations=yes
ChangesEnvironment=yes
CloseApplications=yes
UninstallDisplayIcon={app}\tunesmith-window.exe
Compression=lzma2/max
SolidCompression=yes
WizardStyle=modern
OutputDir={#Output}
OutputBaseFilename=tunesmith-{#Version}-windows-x64-setup
; A placeholder for the owner's key: /DSigned on the command line, and a tool of that name set up in Inno Setup:
;   iscc /DSigned "/Ssigntool=signtool sign /fd sha256 /tr http://TIMESTAMP /td sha256 /n $qNAME$q $f" …
; Without it Windows warns of an unknown publisher.
#ifdef Signed
SignTool=signtool
SignedUninstaller=yes
#endif

[Languages]
Name: "en"; MessagesFile: "compiler:Default.isl"
Name: "de"; MessagesFile: "compiler:Languages\German.isl"

[CustomMessages]
en.Open=Open GGUF files with Tunesmith
de.Open=GGUF-Dateien mit Tunesmith öffnen
en.Path=Let terminals find the command tunesmith
de.Path=Den Befehl tunesmith im Terminal verfügbar machen
en.Kind=GGUF model
de.Kind=GGUF-Modell
en.Left=Tunesmith is gone. Your profiles, settings and caches are left where they were:%n%n%1
de.Left=Tunesmith ist entfernt. Ihre Profile, Einstellungen und Zwischenspeicher liegen noch, wo sie waren:%n%n%1

[Tasks]
Name: "open"; Description: "{cm:Open}"
Name: "path"; Description: "{cm:Path}"
Name: "desktopicon"; Description: "{cm:CreateDesktopIcon}"; Flags: unchecked

[InstallDelete]
; What an older version had and this one has not.
Type: filesandordirs; Name: "{app}\_internal"
Type: filesandordirs; Name: "{app}\licences"

[Files]
Source: "{#Frozen}\*"; DestDir: "{app}"; Flags: ignoreversion recursesubdirs createallsubdirs

[Icons]
Name: "{autoprograms}\Tunesmith"; Filename: "{app}\tunesmith-window.exe"
Name: "{autodesktop}\Tunesmith"; Filename: "{app}\tunesmith-window.exe"; Tasks: desktopicon

[Registry]
; HKA is this user's part of the registry here. OpenWithProgids adds a choice and takes none away.
Root: HKA; Subkey: "Software\Classes\Tunesmith.gguf"; ValueType: string; ValueData: "{cm:Kind}"; Flags: uninsdeletekey
Root: HKA; Subkey: "Software\Classes\Tunesmith.gguf\DefaultIcon"; ValueType: string; ValueData: "{app}\tunesmith-window.exe,0"
Root: HKA; Subkey: "Software\Classes\Tunesmith.gguf\shell\open\command"; ValueType: string; ValueData: """{app}\tunesmith-window.exe"" ""%1"""
Root: HKA; Subkey: "Software\Classes\.gguf\OpenWithProgids"; ValueType: string; ValueName: "Tunesmith.gguf"; ValueData: ""; Flags: uninsdeletevalue
Root: HKA; Subkey: "Software\Classes\.gguf"; ValueType: string; ValueData: "Tunesmith.gguf"; Flags: createvalueifdoesntexist; Tasks: open
Root: HKCU; Subkey: "Environment"; ValueType: expandsz; ValueName: "Path"; ValueData: "{olddata};{app}"; Check: NotOnPath; Tasks: path

[Run]
Filename: "{app}\tunesmith-window.exe"; Description: "{cm:LaunchProgram,Tunesmith}"; Flags: nowait postinstall skipifsilent

[Code]
function PathOfUser(): String;
begin
  if not RegQueryStringValue(HKCU, 'Environment', 'Path', Result) then
    Result := '';
end;

function NotOnPath(): Boolean;
begin
  Result := Pos(';' + Uppercase(ExpandConstant('{app}')) + ';', ';' + Uppercase(PathOfUser()) + ';') = 0;
end;

procedure CurUninstallStepChanged(Step: TUninstallStep);
var
  Found: String;
  Ours: String;
  Begins: Integer;
begin
  if Step <> usPostUninstall then
    exit;
  Ours := ';' + ExpandConstant('{app}');
  Found := PathOfUser();
  Begins := Pos(Uppercase(Ours), Uppercase(Found));
  // an entry of ours, and not the beginning of a longer one
  if (Begins > 0) and (Pos(';', Copy(Found, Begins + Length(Ours), 1) + ';') = 1) then begin
    Delete(Found, Begins, Length(Ours));
    RegWriteExpandStringValue(HKCU, 'Environment', 'Path', Found);
  end;
  if not UninstallSilent() then
    MsgBox(FmtMessage(CustomMessage('Left'), [ExpandConstant('{localappdata}\tunesmith')]), mbInformation, MB_OK);
end;
